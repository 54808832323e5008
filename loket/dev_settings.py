"""Settings of `make dev`: those of the demo with Django's error pages and the debug toolbar, for this machine only.

`.env` in the root of the tree is read first; `.env.example` lists what it may set.
"""

from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from environs import Env

Env().read_env(Path(__file__).resolve().parent.parent / ".env", recurse=False)

from loket.settings import *  # noqa: E402, F403
from loket.settings import ALLOWED_HOSTS, DATABASES, INSTALLED_APPS, LOGGING, MIDDLEWARE  # noqa: E402

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
if "DATA_DIR" not in DATABASES["default"] or not set(ALLOWED_HOSTS) <= _LOOPBACK:
    raise ImproperlyConfigured(
        "loket.dev_settings shows source code to visitors, so it works with the embedded database on localhost only: "
        "unset DATABASE_URL and LOKET_URL, also in .env."
    )


def loopback_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse other machines, also behind a proxy on this one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.META["REMOTE_ADDR"] not in INTERNAL_IPS or "X-Forwarded-For" in request.headers:
            return HttpResponseForbidden("loket.dev_settings answers this machine only.", content_type="text/plain")
        return get_response(request)

    return middleware


DEBUG = True
ROOT_URLCONF = "loket.dev_urls"
INTERNAL_IPS = ["127.0.0.1", "::1"]  # for which the toolbar is shown
INSTALLED_APPS = [*INSTALLED_APPS, "debug_toolbar"]
# Inside the policy that it has to obey, and around everything that it measures.
_after_csp = MIDDLEWARE.index("csp.middleware.CSPMiddleware") + 1
MIDDLEWARE = [
    "loket.dev_settings.loopback_middleware",
    *MIDDLEWARE[:_after_csp],
    "debug_toolbar.middleware.DebugToolbarMiddleware",
    *MIDDLEWARE[_after_csp:],
]
# Whole tracebacks on the terminal: the log of production leaves the messages of errors out.
LOGGING = LOGGING | {
    "handlers": LOGGING["handlers"] | {"plain": {"class": "logging.StreamHandler"}},
    "loggers": LOGGING["loggers"] | {"django.request": {"handlers": ["plain"], "level": "ERROR", "propagate": False}},
}
