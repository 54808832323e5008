"""Track the HTTP requests of a library that reports success or failure only.

`apprise` reports a timeout like a rejection. `requests` has transport adapters to observe requests; the one below
becomes the default of every session and does nothing outside `track_requests`.
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
_GATEWAY_ERROR_STATUSES = (502, 504)


class RequestTracker:
    """Results of the tracked requests; `timeout` is (connect, read) in seconds."""

    def __init__(self, timeout: tuple[float, float]) -> None:
        self.timeout = timeout
        self.request_count = 0
        self.no_response = False  # a request may have been processed without a response
        self.status: int | None = None  # of the last response; None if the server was not reached

    def record_response(self, status: int | None) -> None:
        """Record the status of a response, or None if the server was not reached."""
        self.status = status
        self.no_response |= status in _GATEWAY_ERROR_STATUSES


_tracker: ContextVar[RequestTracker | None] = ContextVar("request_tracker", default=None)


@contextmanager
def track_requests(timeout: tuple[float, float]) -> Iterator[RequestTracker]:
    """Track the requests of this thread and limit each to `timeout`."""
    tracker = RequestTracker(timeout)
    before = _tracker.set(tracker)
    try:
        yield tracker
    finally:
        _tracker.reset(before)


class _TrackingAdapter(HTTPAdapter):
    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        tracker = _tracker.get()
        if tracker is None:
            return super().send(request, *args, **options)
        tracker.request_count += 1
        options["timeout"] = tracker.timeout
        try:
            response = super().send(request, *args, **options)
            response.content  # noqa: B018 an answer that breaks off is none
        except Exception as error:
            if _may_have_been_sent(error):
                tracker.no_response = True
            else:
                tracker.record_response(None)
            raise
        tracker.record_response(response.status_code)
        return response


def _may_have_been_sent(error: Exception) -> bool:
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


requests.sessions.HTTPAdapter = _TrackingAdapter  # type: ignore[attr-defined]
