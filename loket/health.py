"""Health of the installation: database, migrations, worker, outbox and periodic jobs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max, Min
from django.utils import timezone

from loket import availability, periodic
from outbox.models import Heartbeat, Message

SILENT = timedelta(minutes=2)  # without a heartbeat for this long no worker runs; a long job takes less
LATE = timedelta(minutes=5)  # a message due for longer means that no worker runs, or too few

OK, UNKNOWN = "ok", "not known"


def parts() -> dict[str, str]:
    """Return "ok" or what is wrong for each component; without a database the others are unknown."""
    checks: dict[str, Callable[[], str]] = {
        "database": _database, "migrations": _migrations, "worker": _worker, "outbox": _outbox,
        "jobs": _jobs,
    }  # fmt: skip
    found: dict[str, str] = {}
    for name, check in checks.items():
        if availability.is_overdue():
            found[name] = UNKNOWN
            continue
        try:
            found[name] = check()
        except Error:
            found[name] = "does not answer" if name == "database" else UNKNOWN
    return found


def _database() -> str:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return OK if cursor.fetchone() == ("off",) else "read only"


@cache
def _migrations_of_this_release() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations or {})


def _migrations() -> str:
    # The next release may have applied more while both run side by side.
    missing = len(_migrations_of_this_release() - MigrationRecorder(connection).applied_migrations().keys())
    return f"{missing} not applied" if missing else OK


def last_seen() -> datetime | None:
    """Return the time of the last heartbeat of any worker, or None."""
    seen: datetime | None = Heartbeat.objects.aggregate(last=Max("at"))["last"]
    return seen


def oldest_due() -> datetime | None:
    """Return the due time of the message that has waited longest, or None when none waits."""
    due: datetime | None = (
        Message.objects.waiting().filter(due__lte=timezone.now()).aggregate(first=Min("due"))["first"]
    )
    return due


def _worker() -> str:
    seen, now = last_seen(), timezone.now()
    if seen is None:
        return "never seen"
    return f"not seen for {int((now - seen).total_seconds())} seconds" if now - seen > SILENT else OK


def _outbox() -> str:
    due, now = oldest_due(), timezone.now()
    if due is None or now - due <= LATE:
        return OK
    return f"a message has waited for {int((now - due).total_seconds())} seconds"


def _jobs() -> str:
    return "; ".join(f"{name}: {text}" for name, text in periodic.late().items()) or OK
