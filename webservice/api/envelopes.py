"""How answers look: the envelopes, metadata fields, and one way to write JSON."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from pydantic_core import to_json
from typing_extensions import TypedDict

VERSIONS = ("2018-01-01",)  # of the web service, the oldest first
JSON = "application/json"
Content = TypeVar("Content")


class Message(TypedDict):
    """Something that is said about an answer; `field` is the path of what was sent, null where it is about nothing."""

    code: str
    type: Literal["BrokenBusinessRule", "Information"]
    description: str
    field: str | None


class Answer(TypedDict, Generic[Content]):
    """One thing."""

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
    """Why something was not done."""

    version: str
    messages: list[Message]


class Metadata(TypedDict):
    """A value by its key, with what it is called."""

    key: str
    value: str


class Reference(TypedDict):
    """Something of its own, by its id and name."""

    id: UUID
    description: str


def information(code: str, description: str, field: str | None = None) -> Message:
    """Return a message that is no refusal."""
    return Message(code=code, type="Information", description=description, field=field)


def broken(code: str, description: str, field: str | None = None) -> Message:
    """Return a message about a rule that was broken."""
    return Message(code=code, type="BrokenBusinessRule", description=description, field=field)


def written(request: HttpRequest, envelope: dict[str, Any], status: int = 200) -> HttpResponse:
    """Return `envelope` as an answer, in the version that was asked for."""
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
    """Return the answer about one thing; `etag` is what `If-Match` has to say to change it."""
    response = written(request, {"messages": list(messages), "content": content}, status)
    if etag is not None:
        response["ETag"] = f'"{etag}"'
    if location is not None:
        response["Location"] = location
    return response


def refusal(request: HttpRequest, status: int, messages: Sequence[Message]) -> HttpResponse:
    """Return the answer that says why something was not done."""
    return written(request, {"messages": list(messages)}, status)
