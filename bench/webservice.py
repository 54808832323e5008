"""Measure the REST API beside bare Django: a list of 250 users, and `GET /user`; print the figures as JSON.

Both are called alternately as WSGI applications. The API passes all middleware, authentication, rate limit and
permissions, and writes its access log; the bare view only runs an equal query and dumps it as JSON.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import RequestFactory, override_settings

PEOPLE, WARM_UP, REQUESTS, CALLS = 1_000, 20, 150, 1_000


def main() -> None:
    """Run the benchmark, then stop the database."""
    subprocess.run([sys.executable, "-m", "bench.people", str(PEOPLE)], check=True)
    django.setup()
    from accounts.models import User
    from loket import database

    logging.getLogger().handlers[0].setStream(open(os.devnull, "w"))  # noqa: SIM115
    try:
        print(json.dumps(measure(User.objects.get(username_key="user0"))))
    finally:
        connection.close()
        connection.close_pool()
        database.stop(settings.DATABASES["default"]["DATA_DIR"])


def measure(administrator) -> dict[str, float]:
    """Return the medians of both lists in milliseconds, and the 99th percentile of `GET /user`."""
    from tests.webservice import token_of

    headers = {
        "Accept": "application/json;version=2018-01-01",
        "Authorization": f"Bearer {token_of(administrator)}",
    }
    with override_settings(MIDDLEWARE=["bench.bare.own_addresses"]):
        bare = WSGIHandler()
    office, service = administrator.provider_id, WSGIHandler()
    views = {
        "list": caller(service, f"/v2/providers/{office}/users?pageSize=250", headers),
        "bare": caller(bare, f"/bare/{office}/json/", {}),
    }
    times: dict[str, list[float]] = {name: [] for name in views}
    for number in range(WARM_UP + REQUESTS):
        for name, call in views.items():
            taken = timed(call)
            if number >= WARM_UP:
                times[name].append(taken)
    found = {name: sorted(taken)[REQUESTS // 2] for name, taken in times.items()}
    who_am_i = caller(service, "/v2/user", headers)
    taken = sorted(timed(who_am_i) for _number in range(CALLS))
    return found | {"user": taken[CALLS // 2], "user_p99": taken[CALLS * 99 // 100]}


def timed(call: Callable[[], None]) -> float:
    """Return the milliseconds that a call takes, without the rate limit."""
    from signin.models import Throttle

    Throttle.objects.all().delete()
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def caller(application: WSGIHandler, path: str, headers: dict[str, str]) -> Callable[[], None]:
    """Return a function that calls `application` as a web server would and parses the response."""

    def call() -> None:
        statuses = []
        environ = RequestFactory(headers={"Host": "localhost", **headers}).get(path).environ
        response = application(environ, lambda status, headers: statuses.append(status))
        answer = json.loads(b"".join(response))
        response.close()
        if statuses != ["200 OK"] or len(answer.get("_embedded", [0] * 250)) != 250:
            raise SystemExit(f"{path} answered {statuses}")

    return call


if __name__ == "__main__":
    main()
