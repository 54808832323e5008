"""Measure access tokens per second of one process for client credentials, beside bare password verifications.

Both run alternately in one process, so that a busy machine slows both; the rates are printed as JSON. A token request
passes all middleware and stores the token, its event and the state of each rate limit.
"""

import base64
import json
import time
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test import RequestFactory
from django.utils import timezone

from bench.database import discard_log, stop_database_afterwards
from bench.wsgi_calls import call_application

CALLS_PER_TURN, TURN_COUNT = 20, 20
_PASSWORD, _BODY = "Zonnebloem-42", b"grant_type=client_credentials"


def main() -> None:
    """Run the benchmark, then stop the database."""
    from loket import wsgi

    call_command("migrate", verbosity=0)
    discard_log()
    with stop_database_afterwards():
        print(json.dumps(measure_rates(wsgi.application, create_service_user())))


def create_service_user() -> str:
    """Create the SSO/Webservice user; return the stored password hash."""
    from accounts import passwords
    from accounts.models import LoginMethod, Provider, User

    office, stored = Provider.objects.create(name="Tokens"), passwords.hash_password(_PASSWORD)
    User.objects.create(
        provider=office, login_method=LoginMethod.SSO_WEBSERVICE, username="dienst", password=stored,
        initials="D.", last_name="Dienst", email="dienst@example.com", accepted_at=timezone.now(),
    )  # fmt: skip
    return stored


def measure_rates(application: WSGIHandler, stored: str) -> dict[str, float]:
    """Return tokens and verifications per second."""
    from accounts import passwords

    asked = _build_token_environ()

    def give() -> None:
        call_application(application, asked | {"wsgi.input": BytesIO(_BODY)})

    def verify() -> None:
        if not passwords.verify_password(_PASSWORD, stored):
            raise SystemExit("the password does not match")

    taken = {"tokens": 0.0, "verifications": 0.0}
    for number in range(TURN_COUNT + 1):
        for what, work in (("tokens", give), ("verifications", verify)):
            started = time.perf_counter()
            for _time in range(CALLS_PER_TURN):
                work()
            taken[what] += (time.perf_counter() - started) if number else 0  # the first turn warms up
    return {what: TURN_COUNT * CALLS_PER_TURN / seconds for what, seconds in taken.items()}


def _build_token_environ() -> dict[str, Any]:
    """Return the WSGI environ of a token request, without its body."""
    coded = base64.b64encode(f"dienst:{_PASSWORD}".encode()).decode()
    requests = RequestFactory(headers={"Host": "localhost", "Authorization": f"Basic {coded}"})
    form = "application/x-www-form-urlencoded"
    return requests.post("/oauth/token/", _BODY, content_type=form).environ


if __name__ == "__main__":
    main()
