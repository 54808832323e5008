"""Calls of a WSGI application as a web server makes them."""

from collections.abc import Callable, Collection
from typing import Any

from django.core.handlers.wsgi import WSGIHandler


def call_application(
    application: WSGIHandler, environ: dict[str, Any], expected: Collection[str] = ("200 OK",)
) -> bytes:
    """Return the body of the response. Raises SystemExit unless its status is one of `expected`."""
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return bytes

    response: Any = application(environ, start_response)
    body = b"".join(response)
    response.close()
    if len(statuses) != 1 or statuses[0] not in expected:
        raise SystemExit(f"{environ['PATH_INFO']} returned {statuses}")
    return body
