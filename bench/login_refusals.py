"""Measure how long the login page takes to reject each kind of user; print the medians as JSON."""

import json
import statistics
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import django
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from bench.database import discard_log, stop_database_afterwards

TRIES_PER_REFUSAL = 200
_PASSWORD = "Zonnebloem-42"


def main() -> None:
    """Run the benchmark, then stop the database."""
    django.setup()

    call_command("migrate", verbosity=0)
    discard_log()
    with stop_database_afterwards():
        print(json.dumps(measure_refusals(create_users())))


def create_users() -> dict[str, tuple[str, str]]:
    """Create one user for each reason of rejection; return the username and password to try."""
    from accounts import passwords
    from accounts.models import ExternalTenant, LoginMethod, Provider, User

    office, now = Provider.objects.create(name="Deuren"), timezone.now()
    tenant = ExternalTenant.objects.create(
        provider=office, name="Deuren", tenant_id=uuid4(), confirmed_at=now, confirmation_method="microsoft"
    )
    azure = {"login_method": LoginMethod.AZURE_AD, "external_tenant": tenant, "external_user_id": uuid4()}
    people: dict[str, dict[str, Any]] = {
        "wrong password": {},
        "webservice": {"login_method": LoginMethod.SSO_WEBSERVICE},
        "azure": {**azure, "password": "!"},
        "blocked": {"blocked_at": now},
        "ended": {"access_until": timezone.localdate() - timedelta(days=1)},
    }
    for number, (name, fields) in enumerate(people.items()):
        known = {"login_method": LoginMethod.WEBSITE_SSO, "password": passwords.hash_password(_PASSWORD), **fields}
        email = f"deur{number}@example.com"
        User.objects.create(
            provider=office, username=name, initials="D.", last_name="Deur", email=email, accepted_at=now, **known
        )
    accounts = {name: (name, _PASSWORD) for name in people}
    return {**accounts, "wrong password": ("wrong password", "Verkeerd-12345"), "unknown": ("nobody", _PASSWORD)}


def measure_refusals(accounts: dict[str, tuple[str, str]]) -> dict[str, float]:
    """Return the median per reason in milliseconds, measured alternately so that a busy machine slows all."""
    from core.models import Throttle

    times: dict[str, list[float]] = {name: [] for name in accounts}
    client = Client(SERVER_NAME="localhost")
    for number in range(TRIES_PER_REFUSAL + 5):
        for name, (username, password) in accounts.items():
            Throttle.objects.all().delete()
            started = time.perf_counter()
            response = client.post("/inloggen/", {"username": username, "password": password})
            taken = (time.perf_counter() - started) * 1000
            if response.status_code != 200 or "_auth_user_id" in client.session:
                raise SystemExit(f"{name} answered {response.status_code}")
            if number >= 5:
                times[name].append(taken)
    return {name: statistics.median(taken) for name, taken in times.items()}


if __name__ == "__main__":
    main()
