"""Which statuses an operation answers with, for its declaration and so for the document."""

from typing import Any

from webservice.api.envelopes import Refusal

_ALWAYS = (401, 403, 406, 429)


def reads(content: Any, *others: int) -> dict[int, Any]:
    """Return the answers of an operation that reads `content`; `others` are refusals beside those of every call."""
    return {200: content} | dict.fromkeys(sorted({*_ALWAYS, *others}), Refusal)


def changes(content: Any, *others: int) -> dict[int, Any]:
    """Return the answers of an operation that changes something and reads a body."""
    return reads(content, 400, 404, 412, 415, *others)


def makes(content: Any) -> dict[int, Any]:
    """Return the answers of an operation that makes something."""
    found = reads(content, 400, 404, 415, 422)
    return {201: found.pop(200)} | found


def deletes() -> dict[int, Any]:
    """Return the answers of an operation that deletes something."""
    found = reads(None, 400, 404, 412)
    return {204: found.pop(200)} | found
