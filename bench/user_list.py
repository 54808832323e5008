"""Measure the user lists with the users in the database; print the figures as JSON."""

import json
import resource
import time
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from bench.database import discard_log, stop_database_afterwards
from bench.wsgi_calls import call_application

WARM_UP_REQUESTS, MEASURED_REQUESTS = 50, 400


def main() -> None:
    """Run the benchmark, then stop the database."""
    django.setup()
    from accounts.models import User

    discard_log()
    with stop_database_afterwards():
        found: dict[str, Any] = compare_views(build_callers(User.objects.get(username_key="user0")))
        found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
        print(json.dumps(found))


def build_callers(administrator: Any) -> dict[str, Callable[[], bytes]]:
    """Return callers of the home page and the user list of the office, the bare view and Django admin's changelist."""
    client = Client()
    client.force_login(administrator)
    cookie, office = client.cookies[settings.SESSION_COOKIE_NAME].value, administrator.provider_id
    with override_settings(MIDDLEWARE=["bench.bare_views.use_bare_urls"]):
        bare = WSGIHandler()
    session = f"{settings.SESSION_COOKIE_NAME}={cookie}"
    return {
        "/": create_caller(WSGIHandler(), "/", session, min_rows=0),
        "/gebruikers/": create_caller(WSGIHandler(), "/gebruikers/", session),
        "bare": create_caller(bare, f"/bare/{office}/", ""),
        "admin": create_caller(create_admin_application(), f"/admin/accounts/user/?provider__id__exact={office}", ""),
    }


def create_admin_application() -> WSGIHandler:
    """Return Django admin's own changelist, without sign-in and middleware like the bare view."""
    with override_settings(MIDDLEWARE=["bench.bare_views.use_admin_urls"]):
        return WSGIHandler()


def create_caller(application: WSGIHandler, path: str, cookie: str, *, min_rows: int = 51) -> Callable[[], bytes]:
    """Return a function that requests a page from `application` as a web server would."""

    def call() -> bytes:
        page = call_application(
            application, RequestFactory(headers={"Host": "localhost", "Cookie": cookie}).get(path).environ
        )
        if page.count(b"<tr") < min_rows:
            raise SystemExit(f"{path} returned {page.count(b'<tr')} rows")
        return page

    return call


def compare_views(
    views: dict[str, Callable[[], bytes]], *, warm_up: int = WARM_UP_REQUESTS, requests: int = MEASURED_REQUESTS
) -> dict[str, Any]:
    """Return pages per second, p50 and p95 in milliseconds and queries of each view, called alternately."""
    times: dict[str, list[float]] = {name: [] for name in views}
    for number in range(warm_up + requests):
        for name, call in views.items():
            started = time.perf_counter()
            call()
            if number >= warm_up:
                times[name].append((time.perf_counter() - started) * 1000)
    return {
        name: {
            "rate": 1000 * requests / sum(taken),
            "p50": sorted(taken)[requests // 2],
            "p95": sorted(taken)[requests * 95 // 100],
            "queries": count_queries(views[name]),
        }
        for name, taken in times.items()
    }


def count_queries(call: Callable[[], bytes]) -> int:
    """Return the number of queries of a page."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


if __name__ == "__main__":
    main()
