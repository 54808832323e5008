"""Measure importing Azure users beside a bare `bulk_create` of the same users and events.

Both run alternately, so that a busy machine slows both; then inviting users, and hashing the passwords of webservice
users.

    python -m bench            # sizes that take a minute or two
    python -m bench.import_jobs 2000 10000 50000

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
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

django.setup()

from accounts import passwords  # noqa: E402
from accounts.models import ExternalTenant, LoginMethod, Provider, User  # noqa: E402
from accounts.passwords import make_unusable_password  # noqa: E402
from accounts.user_details import get_creation_changes  # noqa: E402
from audit.actions import record_many  # noqa: E402
from audit.actors import build_operator  # noqa: E402
from audit.models import Verb  # noqa: E402
from bench.database import stop_database_afterwards  # noqa: E402
from core import sheets  # noqa: E402
from imports.plans import user_plans  # noqa: E402
from imports.plans.plan import plan_and_apply  # noqa: E402

FILE_SIZES = (2_000, 10_000)
INVITATION_COUNT, HASH_COUNT = 1_000, 48
_AZURE_COLUMNS = ["login_method", "initials", "last_name", "email", "username", "external_tenant", "external_user_id"]
_INVITED_COLUMNS = ["login_method", "initials", "last_name", "email", "mobile_number"]


def create_office(name: str) -> tuple[Provider, ExternalTenant]:
    """Create an office with a tenant."""
    made = Provider.objects.create(name=name)
    tenant = ExternalTenant.objects.create(
        provider=made,
        name="Groep",
        tenant_id=UUID(int=made.pk.int),
        confirmed_at=timezone.now(),
        confirmation_method="microsoft",
    )
    return made, tenant


def iter_rows(name: str, tenant: ExternalTenant, size: int) -> Iterator[list[str]]:
    """Yield the rows of a file of users."""
    for n in range(1, size + 1):
        oid = str(UUID(int=2**100 + n))
        yield ["azure_ad", "N.", f"Groen {n}", f"g{n}@a.example", f"{name} {n}", str(tenant.tenant_id), oid]


def measure_bare(size: int) -> float:
    """Return the seconds for the same users and their events without the import around them."""
    provider, tenant = create_office("bare")
    table, started = iter_rows(f"bare {size}", tenant, size), time.perf_counter()
    with transaction.atomic():
        for _start in range(0, size, 1000):
            users = [_build_bare_user(provider, tenant, row) for row, _one in zip(table, range(1000), strict=False)]
            User.objects.bulk_create(users)
            changed = ((user, get_creation_changes(user)) for user in users)
            record_many(Verb.USER_CREATED, changed, by=build_operator("bench"), provider_id=provider.pk)
    return time.perf_counter() - started


def _build_bare_user(provider: Provider, tenant: ExternalTenant, row: list[str]) -> User:
    return User(
        provider=provider, login_method=LoginMethod.AZURE_AD, initials=row[1], last_name=row[2], email=row[3],
        username=row[4], external_tenant=tenant, external_tid=tenant.tenant_id,
        external_user_id=UUID(row[6]), accepted_at=timezone.now(), password=make_unusable_password(),
    )  # fmt: skip


def measure_import(size: int) -> float:
    """Return the seconds for planning and applying the same users, emails included."""
    provider, tenant = create_office("ours")
    with _write_file([_AZURE_COLUMNS], iter_rows(f"ours {size}", tenant, size)) as file:
        return _measure_apply(provider, file, size)


def measure_invitations() -> float:
    """Return the seconds to plan and queue INVITATION_COUNT invitations from a file."""
    provider, _tenant = create_office("invitations")
    people = (
        ["website_sso", "N.", f"Groen {n}", f"g{n}@a.example", "06 12345678"] for n in range(1, INVITATION_COUNT + 1)
    )
    with _write_file([_INVITED_COLUMNS], people) as file:
        return _measure_apply(provider, file, INVITATION_COUNT)


@contextmanager
def _write_file(head: list[list[str]], people: Iterator[list[str]]) -> Iterator[IO[bytes]]:
    """Yield a file on disk, so that its contents are not in memory."""
    with TemporaryFile() as file:
        file.writelines(sheets.iter_csv_lines(head))
        file.writelines(line.removeprefix(b"\xef\xbb\xbf") for line in sheets.iter_csv_lines(people))
        file.seek(0)
        yield file


def _measure_apply(provider: Provider, file: IO[bytes], size: int) -> float:
    started = time.perf_counter()
    by = build_operator("bench")
    plan = plan_and_apply(provider, lambda locked: user_plans.plan_user_file(locked, file, by=by, invite=True), by=by)
    taken = time.perf_counter() - started
    if plan.faults or len(plan.items) != size:
        raise SystemExit(f"{len(plan.faults)} faults, {len(plan.items)} of {size} were created")
    return taken


def measure_hashing() -> float:
    """Return how many times as fast as one core all cores hash passwords, the best of five turns."""
    return max(_compare_hashing() for _turn in range(5))


def _compare_hashing() -> float:
    given, started = [f"Regenboog-{number}" for number in range(HASH_COUNT)], time.perf_counter()
    for password in given:
        passwords.hash_password(password)
    one, started = time.perf_counter() - started, time.perf_counter()
    passwords.hash_passwords(given)
    return one / (time.perf_counter() - started)


def measure_all(sizes: list[int]) -> dict[str, Any]:
    """Return all figures, the shortest of repeated measurements."""
    measure_bare(1_000)
    measure_import(1_000)
    found: dict[str, Any] = {"sizes": {}}
    for size in sizes:
        turns = [
            (measure_bare(size + turn), measure_import(size + turn))
            for turn in range(2 if size <= max(FILE_SIZES) else 1)
        ]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        shortest = {"bare": min(turn[0] for turn in turns), "imported": min(turn[1] for turn in turns)}
        found["sizes"][f"{size}"] = {**shortest, "MiB": peak}
    return found | {"invitations": measure_invitations(), "hashing": measure_hashing(), "cores": os.cpu_count()}


def main() -> None:
    """Run the benchmark, then stop the database."""
    with stop_database_afterwards():
        call_command("migrate", verbosity=0)
        print(json.dumps(measure_all([int(size) for size in sys.argv[1:]] or list(FILE_SIZES))))


if __name__ == "__main__":
    main()
