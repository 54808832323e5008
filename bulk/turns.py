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

from bulk.models import Operation


class OutOfTime(KeyboardInterrupt):
    """A job exceeded its time limit.

    Derived from KeyboardInterrupt so that error handlers do not catch it, and psycopg cancels the running query.
    """


@dataclass
class Lane:
    """A queue of either long or short jobs, processed by one process, with a limit of `seconds` per job."""

    is_long: bool
    seconds: float
    _turns: dict[UUID, float] = field(default_factory=dict)  # when each office was last served

    def order(self, offices: list[UUID]) -> list[UUID]:
        """Sort offices, the one served longest ago first."""
        self._turns = {office: self._turns.get(office, 0.0) for office in offices}
        return sorted(offices, key=self._turns.__getitem__)

    def note(self, office: UUID) -> None:
        """Record that an office is served now."""
        self._turns[office] = time.monotonic()


QUICK_SECONDS, LONG_SECONDS = 1.0, 1800.0


def take(lane: Lane | None) -> Operation | None:
    """Return the next job, locked with its office until the end of the transaction, or None.

    Without `lane`, any job. Jobs of an office that another worker is serving are skipped.
    """
    waiting = Operation.objects.filter(state__in=Operation.AT_THE_WORKER)
    if lane is not None:
        waiting = waiting.filter(progress__is_long=lane.is_long)
    rows = list(waiting.order_by("asked_at").values_list("provider_id", "pk"))
    offices = list(dict.fromkeys(office for office, _pk in rows))
    for office in offices if lane is None else lane.order(offices):
        if not _try_lock(office):
            continue
        own = waiting.filter(provider_id=office).order_by("asked_at")
        found = own.select_for_update(skip_locked=True, of=("self",), no_key=True)
        taken = found.select_related("provider", "user__provider", "undoes", "progress").first()
        if taken is not None:
            if lane is not None:
                lane.note(office)
            return taken
    return None


def _try_lock(office: UUID) -> bool:
    with connection.cursor() as cursor:
        name = f"the worker is at {office}"
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Raise OutOfTime in the block after `seconds`, never if None. Only works in the main thread of a process."""
    if seconds is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)  # repeats in case a destructor swallows the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise OutOfTime
