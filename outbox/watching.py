"""Track the HTTP requests of a library that reports success or failure only.

`apprise` reports a timeout like a rejection. `requests` has transport adapters to observe requests; the one below
becomes the default of every session and does nothing outside `watching`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLCertVerificationError
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

# Responses of a proxy whose server did not respond: the request may have been processed.
_NO_ANSWER_BEHIND = (502, 504)


class Watch:
    """Results of the tracked requests; `timeout` is (connect, read) in seconds."""

    def __init__(self, timeout: tuple[float, float]) -> None:
        self.timeout = timeout
        self.requests = 0
        self.unanswered = False  # a request may have been processed without a response
        self.status: int | None = None  # of the last response; None if the server was not reached

    def note(self, status: int | None) -> None:
        """Record the status of a response, or None if the server was not reached."""
        self.status = status
        self.unanswered |= status in _NO_ANSWER_BEHIND


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watching(timeout: tuple[float, float]) -> Iterator[Watch]:
    """Track the requests of this thread and limit each to `timeout`."""
    watch = Watch(timeout)
    before = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(before)


class _WatchedAdapter(HTTPAdapter):
    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        watch = _watch.get()
        if watch is None:
            return super().send(request, *args, **options)
        watch.requests += 1
        options["timeout"] = watch.timeout
        try:
            response = super().send(request, *args, **options)
            response.content  # noqa: B018 an answer that breaks off is none
        except Exception as error:
            if _was_reached(error):
                watch.unanswered = True
            else:
                watch.note(None)
            raise
        watch.note(response.status_code)
        return response


def _was_reached(error: Exception) -> bool:
    """Return whether the request may have been sent: False only if no connection was made."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return False
    cause: Any = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    certificate = getattr(cause, "args", ())
    return not (
        isinstance(cause, NewConnectionError) or (certificate and isinstance(certificate[0], SSLCertVerificationError))
    )


requests.sessions.HTTPAdapter = _WatchedAdapter  # type: ignore[attr-defined]
