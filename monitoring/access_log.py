"""Middleware that writes the access log and counts requests."""

import time

import structlog
from django.http import HttpRequest, HttpResponse

from core.ids import uuid7
from core.middleware import GetResponse
from monitoring import metrics

log = structlog.get_logger("loket.access")
_KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def request_context_middleware(get_response: GetResponse) -> GetResponse:
    """Set a correlation id and write one access log line with the name of the route, never the URL."""

    def middleware(request: HttpRequest) -> HttpResponse:
        correlation_id = str(uuid7())
        request.correlation_id = correlation_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        started = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - started
        match, method = request.resolver_match, request.method if request.method in _KNOWN_METHODS else "other"
        route = (match.view_name or "unnamed") if match else "none"
        known = {"method": method, "route": route, "status": response.status_code, "ms": round(seconds * 1000)}
        read_from: str | None = getattr(request, "read_from", None)
        log.info("request", **known, **({"read_from": read_from} if read_from else {}))
        metrics.count_request(method, route, response.status_code, seconds)
        if read_from:
            metrics.count_replica_page(read_from)
        response["X-Request-ID"] = correlation_id
        return response

    return middleware
