"""Measure the REST API beside bare Django: a list of 250 users, and `GET /user`; print the figures as JSON.

Both are called alternately as WSGI applications. The API passes all middleware, authentication, rate limit and
permissions, and writes its access log; the bare view only runs an equal query and dumps it as JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory, override_settings

from bench.database import discard_log, stop_database_afterwards
from bench.wsgi_calls import call_application

USER_COUNT, WARM_UP_REQUESTS, MEASURED_REQUESTS, MEASURED_CALLS = 1_000, 20, 150, 1_000


def main() -> None:
    """Run the benchmark, then stop the database."""
    subprocess.run([sys.executable, "-m", "bench.office_data", str(USER_COUNT)], check=True)
    django.setup()
    from accounts.models import User

    discard_log()
    with stop_database_afterwards():
        print(json.dumps(measure_api(User.objects.get(username_key="user0"))))


def measure_api(administrator: Any) -> dict[str, float]:
    """Return the medians of both lists in milliseconds, and the 99th percentile of `GET /user`."""
    from tests.helpers.access_tokens import token_of

    headers = {
        "Accept": "application/json;version=2018-01-01",
        "Authorization": f"Bearer {token_of(administrator)}",
    }
    with override_settings(MIDDLEWARE=["bench.bare_views.use_bare_urls"]):
        bare = WSGIHandler()
    office, service = administrator.provider_id, WSGIHandler()
    views = {
        "list": create_caller(service, f"/v2/providers/{office}/users?pageSize=250", headers),
        "bare": create_caller(bare, f"/bare/{office}/json/", {}),
    }
    times: dict[str, list[float]] = {name: [] for name in views}
    for number in range(WARM_UP_REQUESTS + MEASURED_REQUESTS):
        for name, call in views.items():
            taken = measure_call(call)
            if number >= WARM_UP_REQUESTS:
                times[name].append(taken)
    found = {name: sorted(taken)[MEASURED_REQUESTS // 2] for name, taken in times.items()}
    who_am_i = create_caller(service, "/v2/user", headers)
    calls = sorted(measure_call(who_am_i) for _number in range(MEASURED_CALLS))
    return found | {"user": calls[MEASURED_CALLS // 2], "user_p99": calls[MEASURED_CALLS * 99 // 100]}


def measure_call(call: Callable[[], None]) -> float:
    """Return the milliseconds that a call takes, without the rate limit."""
    from core.models import Throttle

    Throttle.objects.all().delete()
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def create_caller(application: WSGIHandler, path: str, headers: dict[str, str]) -> Callable[[], None]:
    """Return a function that calls `application` as a web server would and parses the response."""

    def call() -> None:
        environ = RequestFactory(headers={"Host": "localhost", **headers}).get(path).environ
        rows = json.loads(call_application(application, environ)).get("_embedded", [0] * 250)
        if len(rows) != 250:
            raise SystemExit(f"{path} returned {len(rows)} rows")

    return call


if __name__ == "__main__":
    main()
