"""Probes for the operator: liveness, readiness and metrics.

They run before all other middleware, so they need no Host, TLS or session, and write no access log. They are for the
operator's own machines: what a proxy passes on from others has an `X-Forwarded-For`.
"""

import hmac
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from core import db_availability
from core.middleware import GetResponse
from monitoring import health, metrics

READINESS_TIMEOUT_SECONDS = 0.7  # for the database, so that the response takes less than a second


def probe_middleware(get_response: GetResponse) -> GetResponse:
    """Answer probes that came through no proxy; pass all other requests on."""
    known: dict[str, Callable[[HttpRequest], HttpResponse]] = {
        "/healthz": liveness, "/readyz": readiness, "/metrics": prometheus_metrics,
    }  # fmt: skip

    def middleware(request: HttpRequest) -> HttpResponse:
        probe = None if "X-Forwarded-For" in request.headers else known.get(request.path)
        if probe is None:
            return get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = probe(request)
        response["Cache-Control"] = "no-store"
        return response

    return middleware


def liveness(request: HttpRequest) -> HttpResponse:
    """Report that this process is alive. It checks nothing else: a database that is down must not cause restarts.

    Granian serves `healthz/alive.json` in its place, even while every thread is busy (docs/operating.md).
    """
    return JsonResponse({"alive": True})


def readiness(request: HttpRequest) -> HttpResponse:
    """Report the health of each component, with status 503 if one fails or does not answer in time."""
    with db_availability.limit_database_wait(READINESS_TIMEOUT_SECONDS):
        parts = health.check_components()
    whole = set(parts.values()) == {health.STATUS_OK}
    return JsonResponse({"ready": whole, **parts}, status=200 if whole else 503)


def prometheus_metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics to clients with LOKET_METRICS_TOKEN, or 404 if it is not set."""
    if not settings.LOKET_METRICS_TOKEN:
        return HttpResponse("Not found.", status=404, content_type="text/plain")
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {settings.LOKET_METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.render_metrics(settings.LOKET_METRICS_DIR), content_type=CONTENT_TYPE_LATEST)
