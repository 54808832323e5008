"""Whose turn it is at the worker: offices by turns, one thing of an office at a time, and what is small apart."""

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
    """A turn took too long. As Ctrl-C it passes everything that handles errors, and psycopg cancels a query for it."""


@dataclass
class Lane:
    """What one process works through: operations that are long or not, each for `seconds` at most."""

    is_long: bool
    seconds: float
    _turns: dict[UUID, float] = field(default_factory=dict)  # when each office had its last one

    def order(self, offices: list[UUID]) -> list[UUID]:
        """Return offices, whose turn it has been longest ago first."""
        self._turns = {office: self._turns.get(office, 0.0) for office in offices}
        return sorted(offices, key=self._turns.__getitem__)

    def note(self, office: UUID) -> None:
        """Note that an office has its turn."""
        self._turns[office] = time.monotonic()


QUICK_SECONDS, LONG_SECONDS = 1.0, 1800.0


def take(lane: Lane | None) -> Operation | None:
    """Return the operation whose turn it is, locked until the end of the transaction as is its office; None: nothing.

    Without `lane` it is of any kind. What another worker is at is passed over, and so is everything of that office.
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
    """Raise OutOfTime in the block after so many seconds; only in the main thread of a process, and None never."""
    if seconds is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)  # once more, should a destructor swallow the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise OutOfTime
