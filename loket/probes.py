"""What machines of the operator ask: whether it is alive, whether it is ready, its metrics.

They are answered before anything else, so that they need no Host, no TLS, no session, and leave no access line.
"""

import hmac
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from loket import availability, health, metrics
from loket.middleware import GetResponse

READY_SECONDS = 0.7  # for the database: the answer takes less than a second in all


def probes(get_response: GetResponse) -> GetResponse:
    """Answer a probe; pass every other request on."""
    known: dict[str, Callable[[HttpRequest], HttpResponse]] = {
        "/healthz": alive, "/readyz": ready, "/metrics": measured,
    }  # fmt: skip

    def middleware(request: HttpRequest) -> HttpResponse:
        probe = known.get(request.path)
        if probe is None:
            return get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = probe(request)
        response["Cache-Control"] = "no-store"
        return response

    return middleware


def alive(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; nothing else is looked at, so that a database that is down restarts nothing.

    Granian answers in its place with `healthz/alive.json`, also while every thread is busy (docs/operating.md).
    """
    return JsonResponse({"alive": True})


def ready(request: HttpRequest) -> HttpResponse:
    """Say which part of the installation does not do its work; 503 when there is one, or no answer in time."""
    with availability.time_limit(READY_SECONDS):
        parts = health.parts()
    whole = set(parts.values()) == {health.OK}
    return JsonResponse({"ready": whole, **parts}, status=200 if whole else 503)


def measured(request: HttpRequest) -> HttpResponse:
    """Give the metrics to who has LOKET_METRICS_TOKEN; without one they do not exist."""
    if not settings.LOKET_METRICS_TOKEN:
        return HttpResponse("Not found.", status=404, content_type="text/plain")
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {settings.LOKET_METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.scraped(settings.LOKET_METRICS_DIR), content_type=CONTENT_TYPE_LATEST)
