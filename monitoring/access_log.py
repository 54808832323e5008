"""Middleware that writes the access log and counts requests."""

import time
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse

from core import tracing
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
        method = request.method if request.method in _KNOWN_METHODS else "other"
        with tracing.request_span() as facts:
            response = get_response(request)
            facts.update(_describe_response(request, response, method))
        seconds = time.perf_counter() - started
        match = request.resolver_match
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


def _describe_response(request: HttpRequest, response: HttpResponse, method: str) -> dict[str, object]:
    """Return what a span says: the template of the route, never the URL."""
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        tracing.mark_failed()
    route = f"/{request.resolver_match.route}" if request.resolver_match else ""
    return {
        "name": f"{method} {route}".strip(),
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": response.status_code,
    }
