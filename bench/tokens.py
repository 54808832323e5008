"""Measure how many tokens a second one worker gives for client credentials, beside bare verifications of a password.

Both are done by turns, in the threads of one process, so that a busy machine slows both; the rates are printed as JSON.
"""

import base64
import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

THREADS, EACH, TURNS = 4, 5, 10
_PASSWORD = "Zonnebloem-42"


def main() -> None:
    """Measure, and stop the database."""
    django.setup()
    from loket import database

    call_command("migrate", verbosity=0)
    logging.getLogger().handlers[0].setStream(open(os.devnull, "w"))  # noqa: SIM115
    try:
        print(json.dumps(measure(make())))
    finally:
        connection.close()
        connection.close_pool()
        database.stop(settings.DATABASES["default"]["DATA_DIR"])


def make() -> str:
    """Make the SSO/Webservice users, one for each thread; return the stored password of all."""
    from accounts import passwords
    from accounts.models import LoginMethod, Provider, User

    office, stored = Provider.objects.create(name="Tokens"), passwords.hashed(_PASSWORD)
    for number in range(THREADS):
        User.objects.create(
            provider=office, login_method=LoginMethod.SSO_WEBSERVICE, username=f"dienst{number}", password=stored,
            initials="D.", last_name="Dienst", email=f"dienst{number}@example.com", accepted_at=timezone.now(),
        )  # fmt: skip
    return stored


def measure(stored: str) -> dict[str, float]:
    """Return how many tokens and how many verifications a second."""
    from accounts import passwords

    def give(thread: int) -> None:
        client, coded = Client(SERVER_NAME="localhost"), base64.b64encode(f"dienst{thread}:{_PASSWORD}".encode())
        headers, form = {"Authorization": f"Basic {coded.decode()}"}, "application/x-www-form-urlencoded"
        for _time in range(EACH):
            answer = client.post("/oauth/token/", "grant_type=client_credentials", content_type=form, headers=headers)
            if answer.status_code != 200:
                raise SystemExit(f"answered {answer.status_code}")
        connection.close()

    def verify(_thread: int) -> None:
        for _time in range(EACH):
            if not passwords.verify(_PASSWORD, stored):
                raise SystemExit("the password does not match")

    taken = {"tokens": 0.0, "verifications": 0.0}
    with ThreadPoolExecutor(THREADS) as threads:
        for number in range(TURNS + 1):
            for what, work in (("tokens", give), ("verifications", verify)):
                started = time.perf_counter()
                list(threads.map(work, range(THREADS)))
                taken[what] += (time.perf_counter() - started) if number else 0  # the first turn warms up
    return {what: TURNS * THREADS * EACH / seconds for what, seconds in taken.items()}


if __name__ == "__main__":
    main()
