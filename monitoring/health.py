"""Health of the installation: database, migrations, worker, outbox and periodic jobs."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max, Min
from django.utils import timezone

from core import db_availability, periodic_jobs
from core.models import WorkerHeartbeat
from outbox.models import Message

WORKER_SILENT_AFTER = timedelta(minutes=2)  # without a heartbeat for this long no worker runs; a long job takes less
MESSAGE_LATE_AFTER = timedelta(minutes=5)  # a message due for longer means that no worker runs, or too few

STATUS_OK, UNKNOWN = "ok", "not known"


def check_components(*, seconds_each: float = math.inf) -> dict[str, str]:
    """Return "ok" or what is wrong for each component; without an answer in time it is unknown."""
    checks: dict[str, Callable[[], str]] = {
        "database": _check_database, "migrations": _check_migrations, "worker": _check_worker, "outbox": _check_outbox,
        "jobs": _check_jobs,
    }  # fmt: skip
    return {name: _check_component(name, check, seconds_each) for name, check in checks.items()}


def _check_component(name: str, check: Callable[[], str], seconds: float) -> str:
    if db_availability.is_overdue():
        return UNKNOWN
    try:
        with db_availability.limit_database_wait(seconds):
            return check()
    except Error:
        connection.close_if_unusable_or_obsolete()  # a check that took too long closed it
        return "does not answer" if name == "database" else UNKNOWN


def _check_database() -> str:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return STATUS_OK if cursor.fetchone() == ("off",) else "read only"


@cache
def load_release_migrations() -> frozenset[tuple[str, str]]:
    """Return app and name of each migration of this release."""
    return frozenset(MigrationLoader(None).disk_migrations or {})


def _check_migrations() -> str:
    # The next release may have applied more while both run side by side.
    missing = len(load_release_migrations() - MigrationRecorder(connection).applied_migrations().keys())
    return f"{missing} not applied" if missing else STATUS_OK


def get_worker_last_seen() -> datetime | None:
    """Return the time of the last heartbeat of any worker, or None."""
    seen: datetime | None = WorkerHeartbeat.objects.aggregate(last=Max("at"))["last"]
    return seen


def get_oldest_due() -> datetime | None:
    """Return the due time of the message that has waited longest, or None when none waits."""
    due: datetime | None = (
        Message.objects.pending().filter(due__lte=timezone.now()).aggregate(first=Min("due"))["first"]
    )
    return due


def _check_worker() -> str:
    seen, now = get_worker_last_seen(), timezone.now()
    if seen is None:
        return "never seen"
    return (
        f"not seen for {int((now - seen).total_seconds())} seconds" if now - seen > WORKER_SILENT_AFTER else STATUS_OK
    )


def _check_outbox() -> str:
    due, now = get_oldest_due(), timezone.now()
    if due is None or now - due <= MESSAGE_LATE_AFTER:
        return STATUS_OK
    return f"a message has waited for {int((now - due).total_seconds())} seconds"


def _check_jobs() -> str:
    return "; ".join(f"{name}: {text}" for name, text in periodic_jobs.describe_late_jobs().items()) or STATUS_OK
