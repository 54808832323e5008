"""Calls of a WSGI application as a web server makes them."""

from collections.abc import Callable
from typing import Any

from django.core.handlers.wsgi import WSGIHandler


def call_application(application: WSGIHandler, environ: dict[str, Any]) -> bytes:
    """Return the body of the response. Raises SystemExit unless its status is 200."""
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return bytes

    response: Any = application(environ, start_response)
    body = b"".join(response)
    response.close()
    if statuses != ["200 OK"]:
        raise SystemExit(f"{environ['PATH_INFO']} returned {statuses}")
    return body
