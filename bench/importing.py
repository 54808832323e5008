"""Measure importing Azure users beside a bare `bulk_create` of the same users and events, alternately so that a busy
machine slows both; then inviting users, and hashing the passwords of webservice users.

    python -m bench            # sizes that take a minute or two
    python -m bench.importing 2000 100000 1000000

Prints as JSON, for each size, the seconds of both and the peak memory of the process so far (MiB), then the seconds to
queue 1,000 invitations, and how many times as fast as one core all cores hash.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

django.setup()

from accounts import passwords  # noqa: E402
from accounts.actions import shown, unusable_password  # noqa: E402
from accounts.models import ExternalTenant, LoginMethod, Provider, User  # noqa: E402
from audit.actions import record_all  # noqa: E402
from audit.actors import operator  # noqa: E402
from audit.models import Verb  # noqa: E402
from bulk import applying  # noqa: E402
from loket import database, sheets  # noqa: E402

SIZES = (2_000, 10_000)
INVITATIONS, HASHES = 1_000, 48
_AZURE = ["login_method", "initials", "last_name", "email", "username", "external_tenant", "external_user_id"]
_INVITED = ["login_method", "initials", "last_name", "email", "mobile_number"]


def office(name: str) -> tuple[Provider, ExternalTenant]:
    """Create an office with a tenant."""
    made = Provider.objects.create(name=name)
    tenant = ExternalTenant.objects.create(
        provider=made, name="Groep", tenant_id=UUID(int=made.pk.int), proved_at=timezone.now(), proved_how="microsoft"
    )
    return made, tenant


def rows(name: str, tenant: ExternalTenant, size: int) -> Iterator[list[str]]:
    """Yield the rows of a file of users."""
    for n in range(1, size + 1):
        oid = str(UUID(int=2**100 + n))
        yield ["azure_ad", "N.", f"Groen {n}", f"g{n}@a.example", f"{name} {n}", str(tenant.tenant_id), oid]


def bare(size: int) -> float:
    """Return the seconds for the same users and their events without the import around them."""
    provider, tenant = office("bare")
    table, started = rows(f"bare {size}", tenant, size), time.perf_counter()
    with transaction.atomic():
        for _start in range(0, size, 1000):
            users = [_bare_user(provider, tenant, row) for row, _one in zip(table, range(1000), strict=False)]
            User.objects.bulk_create(users)
            changed = ((user, shown(user)) for user in users)
            record_all(Verb.USER_CREATED, changed, by=operator("bench"), provider_id=provider.pk)
    return time.perf_counter() - started


def _bare_user(provider: Provider, tenant: ExternalTenant, row: list[str]) -> User:
    user = User(
        provider=provider, login_method=LoginMethod.AZURE_AD, initials=row[1], last_name=row[2], email=row[3],
        username=row[4], external_tenant=tenant, external_user_id=UUID(row[6]), accepted_at=timezone.now(),
        password=unusable_password(),
    )  # fmt: skip
    user.derive()
    return user


def imported(size: int) -> float:
    """Return the seconds for planning and applying the same users, emails included."""
    provider, tenant = office("ours")
    with _file([_AZURE], rows(f"ours {size}", tenant, size)) as file:
        return _apply(provider, file, size)


def invited() -> float:
    """Return the seconds to plan and queue INVITATIONS invitations from a file."""
    provider, _tenant = office("invitations")
    people = (["website_sso", "N.", f"Groen {n}", f"g{n}@a.example", "06 12345678"] for n in range(1, INVITATIONS + 1))
    with _file([_INVITED], people) as file:
        return _apply(provider, file, INVITATIONS)


@contextmanager
def _file(head: list[list[str]], people: Iterator[list[str]]) -> Iterator[IO[bytes]]:
    """Yield a file on disk, so that its contents are not in memory."""
    with TemporaryFile() as file:
        file.writelines(sheets.csv_lines(head))
        file.writelines(line.removeprefix(b"\xef\xbb\xbf") for line in sheets.csv_lines(people))
        file.seek(0)
        yield file


def _apply(provider: Provider, file: IO[bytes], size: int) -> float:
    started = time.perf_counter()
    plan, done = applying.apply_file(provider, file, by=operator("bench"), invite=True)
    taken = time.perf_counter() - started
    if len(plan.faults) or len(done) != size:
        raise SystemExit(f"{len(plan.faults)} faults, {len(done)} of {size} were made")
    return taken


def hashing() -> float:
    """Return how many times as fast as one core all cores hash passwords, the best of five turns."""
    return max(_hash_by_turns() for _turn in range(5))


def _hash_by_turns() -> float:
    given, started = [f"Regenboog-{number}" for number in range(HASHES)], time.perf_counter()
    for password in given:
        passwords.hashed(password)
    one, started = time.perf_counter() - started, time.perf_counter()
    passwords.hashed_all(given)
    return one / (time.perf_counter() - started)


def measure(sizes: list[int]) -> dict[str, Any]:
    """Return all figures, the shortest of repeated measurements."""
    bare(1_000)
    imported(1_000)
    found: dict[str, Any] = {"sizes": {}}
    for size in sizes:
        turns = [(bare(size + turn), imported(size + turn)) for turn in range(2 if size <= max(SIZES) else 1)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        shortest = {"bare": min(turn[0] for turn in turns), "imported": min(turn[1] for turn in turns)}
        found["sizes"][f"{size}"] = {**shortest, "MiB": peak}
    return found | {"invitations": invited(), "hashing": hashing(), "cores": os.cpu_count()}


def main() -> None:
    """Run the benchmark, then stop the database."""
    try:
        call_command("migrate", verbosity=0)
        print(json.dumps(measure([int(size) for size in sys.argv[1:]] or list(SIZES))))
    finally:
        connection.close()
        connection.close_pool()
        database.stop(settings.DATABASES["default"]["DATA_DIR"])


if __name__ == "__main__":
    main()
