"""Response envelopes, metadata values and JSON rendering."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from pydantic_core import to_json
from typing_extensions import TypedDict

API_VERSIONS = ("2018-01-01",)  # oldest first
JSON_CONTENT_TYPE = "application/json"
ContentT = TypeVar("ContentT")


class ApiMessage(TypedDict):
    """A message about a response. `field` is the path of a field in the request, null if it concerns none."""

    code: str
    type: Literal["BrokenBusinessRule", "Information"]
    description: str
    field: str | None


class ItemResponse(TypedDict, Generic[ContentT]):
    """A single item."""

    version: str
    messages: list[ApiMessage]
    content: ContentT


class ListResponse(TypedDict, Generic[ContentT]):
    """One page of a list."""

    currentPage: int
    pageSize: int
    totalPages: int
    totalSize: int
    version: str
    messages: list[ApiMessage]
    _embedded: list[ContentT]


class ErrorResponse(TypedDict):
    """Why a request was rejected."""

    version: str
    messages: list[ApiMessage]


class MetadataValue(TypedDict):
    """A value with its key and its label."""

    key: str
    value: str


class ResourceReference(TypedDict):
    """A reference to another resource, with its name."""

    id: UUID
    description: str


def build_information_message(code: str, description: str, field: str | None = None) -> ApiMessage:
    return ApiMessage(code=code, type="Information", description=description, field=field)


def build_rule_violation(code: str, description: str, field: str | None = None) -> ApiMessage:
    return ApiMessage(code=code, type="BrokenBusinessRule", description=description, field=field)


def render_envelope(request: HttpRequest, envelope: dict[str, Any], status: int = 200) -> HttpResponse:
    """Return `envelope` as JSON, in the requested version."""
    body = {"version": getattr(request, "api_version", API_VERSIONS[-1])} | envelope
    return HttpResponse(to_json(body, fallback=str), status=status, content_type=JSON_CONTENT_TYPE)


def render_item(
    request: HttpRequest,
    content: Any,
    *,
    status: int = 200,
    etag: str | None = None,
    location: str | None = None,
    messages: Sequence[ApiMessage] = (),
) -> HttpResponse:
    """Return a response with one item; `etag` is the value to send in `If-Match`."""
    response = render_envelope(request, {"messages": list(messages), "content": content}, status)
    if etag is not None:
        response["ETag"] = f'"{etag}"'
    if location is not None:
        response["Location"] = location
    return response


def render_error(request: HttpRequest, status: int, messages: Sequence[ApiMessage]) -> HttpResponse:
    """Return an error response."""
    return render_envelope(request, {"messages": list(messages)}, status)
