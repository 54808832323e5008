"""Status codes of operations, for their declaration and the OpenAPI document."""

from typing import Any

from webservice.api.envelopes import Refusal

_ALWAYS = (401, 403, 406, 429)


def reads(content: Any, *others: int) -> dict[int, Any]:
    """Return the responses of an operation that reads `content`; `others` are its additional error statuses."""
    return {200: content} | dict.fromkeys(sorted({*_ALWAYS, *others}), Refusal)


def changes(content: Any, *others: int) -> dict[int, Any]:
    """Return the responses of an operation that updates something and has a body."""
    return reads(content, 400, 404, 412, 415, *others)


def makes(content: Any) -> dict[int, Any]:
    """Return the responses of an operation that creates something."""
    found = reads(content, 400, 404, 415, 422)
    return {201: found.pop(200)} | found


def deletes() -> dict[int, Any]:
    """Return the responses of an operation that deletes something."""
    found = reads(None, 400, 404, 412)
    return {204: found.pop(200)} | found
