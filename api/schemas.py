"""Response envelopes and JSON rendering."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Generic, Literal, NotRequired, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from pydantic_core import to_json
from typing_extensions import TypedDict

from api.message_codes import MESSAGE_CODES, OTHER_MESSAGE_CODE

API_VERSIONS = ("2018-01-01",)  # oldest first
JSON_CONTENT_TYPE = "application/json"
ContentT = TypeVar("ContentT")
MessageType = Literal["BrokenBusinessRule", "ConcurrencyViolation", "Exception", "NotFound", "Unauthorized", "Warning"]
# Types of errors by status; others are BrokenBusinessRule.
_MESSAGE_TYPES: dict[int, MessageType] = {
    401: "Unauthorized",
    403: "Unauthorized",
    404: "NotFound",
    409: "ConcurrencyViolation",
    412: "ConcurrencyViolation",
    503: "Exception",
}


class ApiVersion(TypedDict):
    """The version of the resource that was used, and when it ends."""

    resourceVersion: date
    obsoleteDate: date | None


class ApiMessage(TypedDict):
    """A message about a response. `reason` names what `code` numbers; both are stable.

    `field` is the path of a field in the request, null if it concerns none; `properties` holds the same as a list.
    """

    code: int
    id: UUID | None
    type: MessageType
    description: str
    properties: list[str]
    field: str | None
    reason: str


class ItemResponse(TypedDict, Generic[ContentT]):
    """A single item."""

    version: ApiVersion
    messages: list[ApiMessage]
    content: ContentT


class ListEnvelope(TypedDict):
    """One page of a list, without its rows."""

    currentPage: int
    pageSize: int
    totalPages: int
    totalSize: int
    version: ApiVersion
    messages: list[ApiMessage]


class ListResponse(ListEnvelope, Generic[ContentT]):
    """One page of a list."""

    _embedded: list[ContentT]


class PagedItemResponse(ListEnvelope, Generic[ContentT]):
    """A single item in the envelope of a list, where the published API has it so."""

    content: ContentT


class EmptyContent(TypedDict):
    """No content."""


class ErrorResponse(TypedDict):
    """Why a request was rejected. `message` is there with 401 and 403."""

    version: ApiVersion
    messages: list[ApiMessage]
    message: NotRequired[str]


class MetadataValue(TypedDict):
    """A value with its number, its label and its name; send `key` or `code`."""

    key: int
    value: str
    code: str


class MetadataOption(TypedDict):
    """An allowed value of a metadata field."""

    key: int
    value: str
    code: NotRequired[str]
    name: NotRequired[str]
    description: NotRequired[str]


class MetadataField(TypedDict):
    """A metadata field and its allowed values."""

    field: str
    options: list[MetadataOption]


class ResourceReference(TypedDict):
    """A reference to another resource, with its name."""

    id: UUID
    description: str


def build_message(reason: str, description: str, field: str | None, type_: MessageType) -> ApiMessage:
    return ApiMessage(
        code=MESSAGE_CODES.get(reason, OTHER_MESSAGE_CODE),
        id=None,
        type=type_,
        description=description,
        properties=[] if field is None else [field],
        field=field,
        reason=reason,
    )


def build_warning(reason: str, description: str, field: str | None = None) -> ApiMessage:
    return build_message(reason, description, field, "Warning")


def build_error_message(status: int, reason: str, description: str, field: str | None = None) -> ApiMessage:
    return build_message(reason, description, field, _MESSAGE_TYPES.get(status, "BrokenBusinessRule"))


def render_envelope(request: HttpRequest, envelope: dict[str, Any], status: int = 200) -> HttpResponse:
    """Return `envelope` as JSON, in the requested version."""
    version = getattr(request, "api_version", API_VERSIONS[-1])
    if status < 400:
        conflicts = getattr(request, "accepted_conflicts", ())  # of rules that only warn
        envelope["messages"] += [build_warning("duty_conflict", conflict.text) for conflict in conflicts]
    body = {"version": {"resourceVersion": version, "obsoleteDate": None}} | envelope
    names_version = status < 400 and request.method != "DELETE"
    content_type = f"{JSON_CONTENT_TYPE};version={version}" if names_version else JSON_CONTENT_TYPE
    return HttpResponse(to_json(body, fallback=str), status=status, content_type=content_type)


def render_item(
    request: HttpRequest,
    content: Any,
    *,
    status: int = 200,
    etag: str | None = None,
    location: str | None = None,
    messages: Sequence[ApiMessage] = (),
    paging: dict[str, int] | None = None,
) -> HttpResponse:
    """Return a response with one item; `etag` is the value to send in `If-Match`."""
    response = render_envelope(request, (paging or {}) | {"messages": list(messages), "content": content}, status)
    if etag is not None:
        response["ETag"] = f'"{etag}"'
    if location is not None:
        response["Location"] = location
    return response


def render_empty(request: HttpRequest) -> HttpResponse:
    return render_item(request, EmptyContent())


def render_paged_item(request: HttpRequest, content: Any) -> HttpResponse:
    """Return one item, or null, as a list would be: a few details are published so."""
    total = 0 if content is None else 1
    paging = {"currentPage": 1, "pageSize": 250, "totalPages": total, "totalSize": total}
    return render_item(request, content, paging=paging)


def render_error(request: HttpRequest, status: int, messages: Sequence[ApiMessage]) -> HttpResponse:
    envelope: dict[str, Any] = {"messages": list(messages)}
    if status in (401, 403):
        envelope["message"] = " ".join(message["description"] for message in messages)
    return render_envelope(request, envelope, status)
