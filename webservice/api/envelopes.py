"""Response envelopes, metadata values and JSON rendering."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from pydantic_core import to_json
from typing_extensions import TypedDict

VERSIONS = ("2018-01-01",)  # oldest first
JSON = "application/json"
Content = TypeVar("Content")


class Message(TypedDict):
    """A message about a response. `field` is the path of a field in the request, null if it concerns none."""

    code: str
    type: Literal["BrokenBusinessRule", "Information"]
    description: str
    field: str | None


class Answer(TypedDict, Generic[Content]):
    """A single item."""

    version: str
    messages: list[Message]
    content: Content


class Listed(TypedDict, Generic[Content]):
    """One page of a list."""

    currentPage: int
    pageSize: int
    totalPages: int
    totalSize: int
    version: str
    messages: list[Message]
    _embedded: list[Content]


class Refusal(TypedDict):
    """Why a request was rejected."""

    version: str
    messages: list[Message]


class Metadata(TypedDict):
    """A value with its key and its label."""

    key: str
    value: str


class Reference(TypedDict):
    """A reference to another resource, with its name."""

    id: UUID
    description: str


def information(code: str, description: str, field: str | None = None) -> Message:
    return Message(code=code, type="Information", description=description, field=field)


def broken(code: str, description: str, field: str | None = None) -> Message:
    return Message(code=code, type="BrokenBusinessRule", description=description, field=field)


def written(request: HttpRequest, envelope: dict[str, Any], status: int = 200) -> HttpResponse:
    """Return `envelope` as JSON, in the requested version."""
    body = {"version": getattr(request, "api_version", VERSIONS[-1])} | envelope
    return HttpResponse(to_json(body, fallback=str), status=status, content_type=JSON)


def answer(
    request: HttpRequest,
    content: Any,
    *,
    status: int = 200,
    etag: str | None = None,
    location: str | None = None,
    messages: Sequence[Message] = (),
) -> HttpResponse:
    """Return a response with one item; `etag` is the value to send in `If-Match`."""
    response = written(request, {"messages": list(messages), "content": content}, status)
    if etag is not None:
        response["ETag"] = f'"{etag}"'
    if location is not None:
        response["Location"] = location
    return response


def refusal(request: HttpRequest, status: int, messages: Sequence[Message]) -> HttpResponse:
    """Return an error response."""
    return written(request, {"messages": list(messages)}, status)
