"""Status codes of operations, for their declaration and the OpenAPI document."""

from typing import Any

from api.schemas import ErrorResponse

_COMMON_STATUSES = (401, 403, 406, 429)


def read_responses(content: Any, *others: int) -> dict[int, Any]:
    """Return the responses of an operation that reads `content`; `others` are its additional error statuses."""
    return {200: content} | dict.fromkeys(sorted({*_COMMON_STATUSES, *others}), ErrorResponse)


def update_responses(content: Any, *others: int) -> dict[int, Any]:
    """Return the responses of an operation that updates something and has a body."""
    return read_responses(content, 400, 404, 412, 415, *others)


def create_responses(content: Any) -> dict[int, Any]:
    """Return the responses of an operation that creates something."""
    found = read_responses(content, 400, 404, 415, 422)
    return {201: found.pop(200)} | found


def delete_responses() -> dict[int, Any]:
    """Return the responses of an operation that deletes something."""
    found = read_responses(None, 400, 404, 412)
    return {204: found.pop(200)} | found
