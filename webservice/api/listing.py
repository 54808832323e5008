"""Filtering, ordering and pagination of lists."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.utils.translation import gettext as _
from pydantic import BaseModel, Field

from webservice.api import filters
from webservice.api.door import ApiRequest
from webservice.api.envelopes import written
from webservice.api.faults import Fault
from webservice.api.filters import Kind

Row = TypeVar("Row", bound=Model)
_MOST_FIELDS = 5


class ListQuery(BaseModel):
    """Query parameters of a list."""

    filter: Annotated[str, Field(description="See *Filters* in the guide.", examples=["userName lk 'jansen'"])] = ""
    orderBy: Annotated[str, Field(description="Fields, comma-separated; `-` in front: downwards.")] = ""
    pageNumber: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    pageSize: Annotated[int, Field(ge=1, le=1_000)] = 250


def listed(
    request: ApiRequest,
    rows: QuerySet[Row],
    query: ListQuery,
    *,
    fields: Mapping[str, filters.Field],
    order: tuple[str, ...],
    shown: Callable[[Row], Any],
) -> HttpResponse:
    """Return the requested page of `rows`; `order` applies without `orderBy`. Two queries."""
    if unknown := sorted(set(request.GET) - set(ListQuery.model_fields)):
        raise Fault(400, "query", _("Unknown list parameter."), field=unknown[0][:60])
    if query.filter.strip():
        rows = rows.filter(filters.parsed(query.filter, fields))
    total, start = rows.count(), (query.pageNumber - 1) * query.pageSize
    wanted = _ordered(query.orderBy, fields) if query.orderBy.strip() else list(order)
    page = rows.order_by(*wanted, "pk")[start : start + query.pageSize]
    envelope = {
        "currentPage": query.pageNumber,
        "pageSize": query.pageSize,
        "totalPages": -(-total // query.pageSize),
        "totalSize": total,
        "messages": [],
        "_embedded": [shown(row) for row in page],
    }
    return written(request, envelope)


def _ordered(text: str, fields: Mapping[str, filters.Field]) -> list[OrderBy]:
    """Parse `orderBy`. Raises Fault (400) for an unknown field or too many fields."""
    names = [name.strip() for name in text.split(",", _MOST_FIELDS)]
    if len(names) > _MOST_FIELDS:
        message = _("Sort by at most %(most)d fields.") % {"most": _MOST_FIELDS}
        raise Fault(400, "order_by", message, field="orderBy")
    found = []
    for name in names:
        field = fields.get(name.removeprefix("-"))
        if field is None:
            values = {"name": name[:60], "names": ", ".join(fields)}
            message = _("“%(name)s” is not one of the fields %(names)s.") % values
            raise Fault(400, "order_by", message, field="orderBy")
        key = Lower(field.column) if field.kind is Kind.TEXT else F(field.column)
        found.append(OrderBy(key, descending=name.startswith("-"), nulls_last=True))
    return found
