"""Filtering, ordering and pagination of lists."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.utils.translation import gettext as _
from pydantic import BaseModel, Field

from api.auth import ApiRequest
from api.errors import ApiError
from api.filters import FieldType, FilterField, parse_filter
from api.schemas import render_envelope

ListedModel = TypeVar("ListedModel", bound=Model)
_MAX_ORDER_FIELDS = 5


class ListQuery(BaseModel):
    """Query parameters of a list."""

    filter: Annotated[str, Field(description="See *Filters* in the guide.", examples=["userName lk 'jansen'"])] = ""
    orderBy: Annotated[str, Field(description="Fields, comma-separated; `-` in front: downwards.")] = ""
    pageNumber: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    pageSize: Annotated[int, Field(ge=1, le=1_000)] = 250


def render_list(
    request: ApiRequest,
    rows: QuerySet[ListedModel],
    query: ListQuery,
    fields: Mapping[str, FilterField],
    serialize: Callable[[ListedModel], Any],
    order: str = "name",
) -> HttpResponse:
    """Return the requested page of `rows`, by `order` without `orderBy`. Two queries."""
    if unknown := sorted(set(request.GET) - set(ListQuery.model_fields)):
        raise ApiError(400, "query", _("Unknown list parameter."), field=unknown[0][:60])
    if query.filter.strip():
        rows = rows.filter(parse_filter(query.filter, fields))
    total, start = rows.count(), (query.pageNumber - 1) * query.pageSize
    ordering = _parse_ordering(query.orderBy, fields) if query.orderBy.strip() else [order]
    page = rows.order_by(*ordering, "pk")[start : start + query.pageSize]
    envelope = {
        "currentPage": query.pageNumber,
        "pageSize": query.pageSize,
        "totalPages": -(-total // query.pageSize),
        "totalSize": total,
        "messages": [],
        "_embedded": [serialize(row) for row in page],
    }
    return render_envelope(request, envelope)


def _parse_ordering(text: str, fields: Mapping[str, FilterField]) -> list[OrderBy]:
    """Parse `orderBy`. Raises ApiError (400) for an unknown field or too many fields."""
    names = [name.strip() for name in text.split(",", _MAX_ORDER_FIELDS)]
    if len(names) > _MAX_ORDER_FIELDS:
        message = _("Sort by at most %(most)d fields.") % {"most": _MAX_ORDER_FIELDS}
        raise ApiError(400, "order_by", message, field="orderBy")
    found = []
    for name in names:
        field = fields.get(name.removeprefix("-"))
        if field is None:
            values = {"name": name[:60], "names": ", ".join(fields)}
            message = _("“%(name)s” is not one of the fields %(names)s.") % values
            raise ApiError(400, "order_by", message, field="orderBy")
        key = Lower(field.column) if field.type is FieldType.TEXT else F(field.column)
        found.append(OrderBy(key, descending=name.startswith("-"), nulls_last=True))
    return found
