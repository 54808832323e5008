"""Whether the installation does its work: the database, its migrations, a worker, what lies in the outbox, the jobs."""

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

SILENT = timedelta(minutes=2)  # a worker that has not been seen for so long does not run; a long job takes less
LATE = timedelta(minutes=5)  # a message that was to go out so long ago: no worker runs, or too few do

OK, UNKNOWN = "ok", "not known"


def parts() -> dict[str, str]:
    """Return each part with "ok" or what is wrong with it; without a database nothing is known of the others."""
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
    # More may be applied than this release knows: that of the next one, while both run.
    missing = len(_migrations_of_this_release() - MigrationRecorder(connection).applied_migrations().keys())
    return f"{missing} not applied" if missing else OK


def last_seen() -> datetime | None:
    """Return when a worker was last seen, or None if none ever was."""
    seen: datetime | None = Heartbeat.objects.aggregate(last=Max("at"))["last"]
    return seen


def oldest_due() -> datetime | None:
    """Return since when the message is due that has waited longest for its turn, or None when none waits."""
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
