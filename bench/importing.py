"""Measure importing Azure users beside a bare `bulk_create` of the same users and events: `python -m bench.importing`.

Prints, as JSON, the seconds of both for each size, and the memory that the whole process took at most.
"""

import json
import resource
import time
from io import BytesIO
from uuid import UUID

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

django.setup()

from accounts.actions import shown, unusable_password  # noqa: E402
from accounts.models import ExternalTenant, LoginMethod, Provider, User  # noqa: E402
from audit.actions import record_all  # noqa: E402
from audit.actors import operator  # noqa: E402
from audit.models import Verb  # noqa: E402
from bulk import applying  # noqa: E402
from loket import database, sheets  # noqa: E402

SIZES = (2_000, 10_000)
_HEAD = ["login_method", "initials", "last_name", "email", "username", "external_tenant", "external_user_id"]


def office(name: str) -> tuple[Provider, ExternalTenant]:
    """Make an office with a tenant."""
    made = Provider.objects.create(name=name)
    tenant = ExternalTenant.objects.create(
        provider=made, name="Groep", tenant_id=UUID(int=made.pk.int), proved_at=timezone.now(), proved_how="microsoft"
    )
    return made, tenant


def rows(name: str, tenant: ExternalTenant, size: int) -> list[list[str]]:
    """Return the rows of a file of people."""
    tid = str(tenant.tenant_id)
    return [
        ["azure_ad", "N.", f"Groen {n}", f"g{n}@a.example", f"{name} {n}", tid, str(UUID(int=2**100 + n))]
        for n in range(1, size + 1)
    ]


def bare(size: int) -> float:
    """Return how long the same users and their events take without anything of ours around them."""
    provider, tenant = office("bare")
    table, started = rows("bare", tenant, size), time.perf_counter()
    with transaction.atomic():
        for start in range(0, size, 1000):
            users = [
                User(
                    provider=provider, login_method=LoginMethod.AZURE_AD, initials=row[1], last_name=row[2],
                    email=row[3],
                    username=row[4], external_tenant=tenant, external_user_id=UUID(row[6]), accepted_at=timezone.now(),
                    password=unusable_password(),
                )
                for row in table[start : start + 1000]
            ]  # fmt: skip
            for user in users:
                user.derive()
            User.objects.bulk_create(users)
            changed = ((user, shown(user)) for user in users)
            record_all(Verb.USER_CREATED, changed, by=operator("bench"), provider_id=provider.pk)
    return time.perf_counter() - started


def imported(size: int) -> float:
    """Return how long planning and applying the same people takes, mails included."""
    provider, tenant = office("ours")
    file = BytesIO(b"".join(sheets.csv_lines([_HEAD, *rows("ours", tenant, size)])))
    started = time.perf_counter()
    plan, done = applying.apply_file(provider, file, by=operator("bench"), invite=False)
    taken = time.perf_counter() - started
    if len(plan.faults) or len(done) != size:
        raise SystemExit(f"{len(plan.faults)} faults, {len(done)} of {size} were made")
    return taken


def main() -> None:
    """Measure, and stop the database."""
    try:
        call_command("migrate", verbosity=0)
        found = {}
        for size in SIZES:
            found[f"{size}"] = {"bare": bare(size), "imported": imported(size)}
            User.objects.all().delete()
        found["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
    finally:
        connection.close()
        connection.close_pool()
        database.stop(settings.DATABASES["default"]["DATA_DIR"])


if __name__ == "__main__":
    main()
