"""Schedule jobs at the worker: round robin over offices, one job per office at a time, short and long jobs apart."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn
from uuid import UUID

from django.db import connection

from imports.models import ImportJob


class JobTimeout(KeyboardInterrupt):
    """A job exceeded its time limit.

    Derived from KeyboardInterrupt so that error handlers do not catch it, and psycopg cancels the running query.
    """


@dataclass
class JobQueue:
    """A queue of either long or short jobs, processed by one process, with a limit of `seconds` per job."""

    is_long: bool
    seconds: float
    _last_turns: dict[UUID, float] = field(default_factory=dict)  # when each office was last served

    def sort_offices(self, offices: list[UUID]) -> list[UUID]:
        """Sort offices, the one served longest ago first."""
        self._last_turns = {office: self._last_turns.get(office, 0.0) for office in offices}
        return sorted(offices, key=self._last_turns.__getitem__)

    def record_turn(self, office: UUID) -> None:
        self._last_turns[office] = time.monotonic()


SHORT_JOB_SECONDS, LONG_JOB_SECONDS = 1.0, 1800.0


def claim_job(queue: JobQueue | None) -> ImportJob | None:
    """Return the next job, locked with its office until the end of the transaction, or None.

    Without `queue`, any job. Jobs of an office that another worker is serving are skipped.
    """
    waiting = ImportJob.objects.filter(state__in=ImportJob.QUEUED_STATES)
    if queue is not None:
        waiting = waiting.filter(progress__is_long=queue.is_long)
    rows = list(waiting.order_by("asked_at").values_list("provider_id", "pk"))
    offices = list(dict.fromkeys(office for office, _pk in rows))
    for office in offices if queue is None else queue.sort_offices(offices):
        if not _try_lock_office(office):
            continue
        own = waiting.filter(provider_id=office).order_by("asked_at")
        found = own.select_for_update(skip_locked=True, of=("self",), no_key=True)
        taken = found.select_related("provider", "user__provider", "undoes", "progress").first()
        if taken is not None:
            if queue is not None:
                queue.record_turn(office)
            return taken
    return None


def _try_lock_office(office: UUID) -> bool:
    with connection.cursor() as cursor:
        name = f"the worker is at {office}"
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


@contextmanager
def limit_duration(seconds: float | None) -> Iterator[None]:
    """Raise JobTimeout in the block after `seconds`, never if None. Only works in the main thread of a process."""
    if seconds is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, _raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)  # repeats in case a destructor swallows the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _raise_timeout(_number: int, _frame: FrameType | None) -> NoReturn:
    raise JobTimeout
