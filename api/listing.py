"""Filtering, ordering and pagination of lists."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja.errors import ValidationError as RequestValidationError
from pydantic import BaseModel, Field
from pydantic import ValidationError as PydanticError

from api.auth import ApiRequest
from api.errors import ApiError
from api.filters import FieldType, FilterField, find_field, parse_filter
from api.schemas import render_envelope

ListedModel = TypeVar("ListedModel", bound=Model)
_MAX_ORDER_FIELDS = 5


class ListQuery(BaseModel):
    """Query parameters of a list."""

    filter: Annotated[str, Field(description="See *Lists* in the guide.")] = ""
    orderBy: Annotated[str, Field(description="Fields, comma-separated; `-` in front: descending.")] = ""
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
    rows = _annotate_named_fields(rows, query, fields)
    if query.filter.strip():
        rows = rows.filter(parse_filter(query.filter, fields, request.caller))
    total, start = rows.count(), (query.pageNumber - 1) * query.pageSize
    ordering = _parse_ordering(query.orderBy, fields) if query.orderBy.strip() else [order]
    page = rows.order_by(*ordering, "pk")[start : start + query.pageSize]
    return render_rows(request, [serialize(row) for row in page], total, query)


def build_page_parameters() -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of a list that cannot be filtered or sorted."""
    properties = ListQuery.model_json_schema()["properties"]
    return [
        {"in": "query", "name": name, "required": False, "schema": properties[name]}
        for name in ("pageNumber", "pageSize")
    ]


def render_whole_list(
    request: ApiRequest, rows: list[Any], serialize_page: Callable[[list[Any]], list[Any]] = list, **extra: Any
) -> HttpResponse:
    """Return the requested page of `rows`, which no query can page; `extra` are further members."""
    query = _parse_paging(request)
    start = (query.pageNumber - 1) * query.pageSize
    page = serialize_page(rows[start : start + query.pageSize])
    return render_rows(request, page, len(rows), query, **extra)


def render_rows(request: ApiRequest, rows: list[Any], total: int, query: ListQuery, **extra: Any) -> HttpResponse:
    """Return `rows` as one page of a list of `total`; `extra` are further members."""
    paging = {
        "currentPage": query.pageNumber,
        "pageSize": query.pageSize,
        "totalPages": -(-total // query.pageSize),
        "totalSize": total,
    }
    return render_envelope(request, paging | {"messages": [], "_embedded": rows} | extra)


def _parse_paging(request: ApiRequest) -> ListQuery:
    """Return the page that is asked for. Raises ApiError (400) for a filter or an order."""
    for name in ("filter", "orderBy"):
        if request.GET.get(name, "").strip():
            raise ApiError(400, "query", _("This list cannot be filtered or sorted."), field=name)
    try:
        return ListQuery.model_validate({name: value for name, value in request.GET.items() if name.startswith("page")})
    except PydanticError as error:
        raise RequestValidationError(
            [dict(part) | {"loc": ("query", *part["loc"])} for part in error.errors()]
        ) from None


def _annotate_named_fields(
    rows: QuerySet[ListedModel], query: ListQuery, fields: Mapping[str, FilterField]
) -> QuerySet[ListedModel]:
    """Annotate the computed fields that `query` names; omit the others because they cost time."""
    asked = (query.filter + query.orderBy).lower()
    named = {field.column: field.expression for name, field in fields.items() if name.lower() in asked}
    expressions = {column: expression for column, expression in named.items() if expression is not None}
    annotated: QuerySet[ListedModel] = rows.annotate(**expressions)
    return annotated


def _parse_ordering(text: str, fields: Mapping[str, FilterField]) -> list[OrderBy]:
    """Parse `orderBy`. Raises ApiError (400) for an unknown field or too many fields."""
    names = [name.strip() for name in text.split(",", _MAX_ORDER_FIELDS)]
    sortable = {name: field for name, field in fields.items() if field.related is None}
    if len(names) > _MAX_ORDER_FIELDS:
        message = _("Sort by at most %(most)d fields.") % {"most": _MAX_ORDER_FIELDS}
        raise ApiError(400, "order_by", message, field="orderBy")
    found = []
    for name in names:
        field = find_field(sortable, name.removeprefix("-"))
        if field is None:
            values = {"name": name[:60], "names": ", ".join(sortable)}
            message = _("“%(name)s” is not one of the fields %(names)s.") % values
            raise ApiError(400, "order_by", message, field="orderBy")
        key = Lower(field.column) if field.type is FieldType.TEXT else F(field.column)
        found.append(OrderBy(key, descending=name.startswith("-"), nulls_last=True))
    return found
