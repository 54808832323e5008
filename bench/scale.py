"""Fill a database with 1,000,000 users in 20,000 offices and one of 20,000 users, and measure what it costs.

    LOKET_DATA_DIR=<a folder with 10 GB free> python -m bench.scale fill
    LOKET_DATA_DIR=<the same> python -m bench.scale measure

Filling takes long, and measuring about a minute. What expired is deleted while it is measured: fill again to repeat
that. The figures are printed as JSON: medians and slowest in milliseconds, unless the name says otherwise.
"""

import json
import os
import random
import statistics
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

import audit.chain  # noqa: E402
from accounts import passwords  # noqa: E402
from accounts.models import Provider, User  # noqa: E402
from authentication.actions import delete_expired_data  # noqa: E402
from authentication.mfa.reminders import send_due_reminders  # noqa: E402
from bench import import_jobs, permission_data, permissions, scale_data  # noqa: E402
from bench.database import discard_log, stop_database_afterwards  # noqa: E402
from core.periodic_jobs import discover_jobs  # noqa: E402
from permissions.catalog import Right  # noqa: E402
from permissions.models import IndividualRight  # noqa: E402

PASSWORD, COUNT = "Zonnebloem-42", 40
LARGE = "Groot kantoor"
PAGES = {
    "home": "/",
    "list": "/gebruikers/",
    "list, by e-mail": "/gebruikers/?sort=-email",
    "search": "/gebruikers/?q=jansen",
    "search, no match": "/gebruikers/?q=zzzz",
    "history": "/historie/",
    "history of a user": "/gebruikers/{user}/historie/",
    "matrix": "/autorisatiematrix/",
}
_SIZES_SQL = """
SELECT relname, pg_total_relation_size(oid), reltuples::bigint FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 12
"""


def fill() -> None:
    """Create the offices, their users and what these leave behind, and put every event into its chain."""
    call_command("migrate", verbosity=0)
    permission_data.create_large_office(users=20_000, employers=2_000, teams=400)
    User.objects.update(password=passwords.hash_password(PASSWORD))  # as long as real ones; all others are copies
    permission_data.fill_database(Path(settings.DATABASES["default"]["DATA_DIR"]))
    scale_data.fill_traces(Provider.objects.get(name=LARGE).pk)
    audit.chain.append_all_pending()


def measure() -> dict[str, Any]:
    """Return all figures."""
    average = User.objects.get(username_key="u1")
    largest = User.objects.get(username_key="groot 0")
    found: dict[str, Any] = {"sizes": measure_sizes(), "sign-in": measure_sign_in()}
    found |= {"average office": measure_pages(average), "largest office": measure_pages(largest)}
    found["permission check"] = permissions.measure_checks()
    earlier = Provider.objects.filter(name="ours").count()  # imported the same names
    found["import of 2,000 users (s)"] = round(import_jobs.measure_import(2_000 + earlier), 2)
    found["search by support (slowest)"] = permissions.measure_search()
    found["jobs"] = measure_jobs()
    return found


def measure_sizes() -> dict[str, Any]:
    """Return the bytes of the database, and of its largest tables with their indexes, with rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (whole,) = cursor.fetchone()
        cursor.execute(_SIZES_SQL)
        return {"database": whole} | {name: [size, rows] for name, size, rows in cursor.fetchall()}


def summarize(times: Iterable[float]) -> dict[str, float]:
    """Return the median and the slowest."""
    taken = list(times)
    return {"median": round(statistics.median(taken), 2), "slowest": round(max(taken), 2)}


def measure_sign_in() -> dict[str, float]:
    """Return the time of a sign-in with a password, of users of random offices that require no second factor."""
    numbers = [3 * number + 1 for number in random.Random(3).sample(range(permission_data.OFFICE_COUNT // 3), COUNT)]
    names = [f"u{number}" for number in numbers]
    return summarize(permissions.measure_call(partial(_sign_in, name))[0] for name in names)


def _sign_in(name: str) -> None:
    client = Client(headers={"Host": "localhost"}, REMOTE_ADDR=f"2001:db8:{name[1:]}::1")  # too many from one wait
    answer = client.post("/inloggen/", {"username": name, "password": PASSWORD})
    if answer.status_code != 302 or "_auth_user_id" not in client.session:
        raise SystemExit(f"{name} did not sign in: {answer.status_code}")


def measure_pages(administrator: User) -> dict[str, Any]:
    """Return the times of pages of an office."""
    IndividualRight.objects.get_or_create(
        provider=administrator.office, user=administrator, right=Right.MANAGE_PROVIDER
    )
    client = Client(headers={"Host": "localhost"})
    client.force_login(administrator)

    def open_page(address: str) -> None:
        answer = client.get(address)
        if answer.status_code != 200:
            raise SystemExit(f"{address} was answered {answer.status_code} {answer.headers.get('Location')}")

    found = {}
    for name, address in PAGES.items():
        calls: list[Callable[[], None]] = [lambda: open_page(address.format(user=administrator.pk))] * COUNT  # noqa: B023
        calls[0]()
        found[name] = summarize(permissions.measure_call(call)[0] for call in calls)
    return found


def measure_jobs() -> dict[str, float]:
    """Return the time of the first cleanup, and of each periodic job of the worker that takes more than 20 ms.

    Without the reminders of a second factor: a week of them is due here.
    """
    found = {"first cleanup": permissions.measure_call(delete_expired_data)[0]}
    for job in discover_jobs():
        if job.function is not send_due_reminders:
            found[job.label] = permissions.measure_call(job.function)[0]
    return {label: round(taken, 1) for label, taken in found.items() if taken > 20}


def main() -> None:
    """Run one of the two steps, then stop the database."""
    discard_log()
    with stop_database_afterwards():
        if sys.argv[1:] == ["fill"]:
            fill()
        elif sys.argv[1:] == ["measure"]:
            print(json.dumps(measure(), indent=1))
        else:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
