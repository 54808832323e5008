"""Periodic jobs of the worker. Failures are isolated per job, and per office or row within a job.

A failed job or item is retried with its own back-off, logged, and counted in the database, where `/readyz` and the
metrics of every process read it.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import structlog
from django.db import connection
from django.db.models import F
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from loket.away import is_unreachable
from loket.ids import uuid7
from loket.logs import traceback_of
from outbox.models import FailedItem, JobState

LOCK_SECONDS = 5  # maximum wait of an office or row for a lock: its holder may hang
JOB_RETRY, JOB_RETRY_MAX = 60.0, 300.0  # seconds; the first is shorter for jobs that run more often
ITEM_RETRY, ITEM_RETRY_MAX = timedelta(seconds=5), timedelta(hours=1)
NOTED = 5.0  # seconds between two records of success
LATE_JOB = timedelta(minutes=2)  # beyond its interval
LATE_ITEM = timedelta(minutes=5)  # since its first failure

Item = TypeVar("Item")
Result = TypeVar("Result")
_current: ContextVar[str] = ContextVar("job", default="")

log = structlog.get_logger("loket.jobs")


class Job(NamedTuple):
    """A function to call at an interval in seconds. Running it twice at once must be harmless."""

    function: Callable[[], object]
    every: float
    name: str = ""

    @property
    def label(self) -> str:
        """Name in logs, metrics and `/readyz`: by default the dotted path of the function."""
        return (self.name or f"{self.function.__module__}.{self.function.__qualname__}")[:200]


@dataclass
class Runner:
    """Runs one job in one process and keeps its back-off."""

    job: Job
    failures: int = 0  # since the last success
    _noted: float = -math.inf

    def run(self) -> float:
        """Run the job; return the seconds until its next run. Raises only if the database is unavailable."""
        label = self.job.label
        token = _current.set(label)
        try:
            with bound_contextvars(correlation_id=str(uuid7()), job=label):
                return self._run(label)
        finally:
            _current.reset(token)

    def _run(self, label: str) -> float:
        try:
            with _lock_timeout():
                self.job.function()
        except Exception as error:
            if is_unreachable(error):
                raise
            self.failures += 1
            log.error("job failed", failures=self.failures, **_described(error))
            _note_failure(self.job)
            first = min(max(self.job.every, 1.0), JOB_RETRY)
            return float(min(first * 2 ** min(self.failures - 1, 30), max(self.job.every, JOB_RETRY_MAX)))
        if self.failures or time.monotonic() >= self._noted + NOTED:
            _note_done(self.job)
            self.failures, self._noted = 0, time.monotonic()
        return self.job.every


def each(act: Callable[[Item], Result], items: Iterable[Item], *, seconds: float = math.inf) -> list[Result]:
    """Call `act` for each of `items` and return the results; a failing item is skipped and does not stop the others.

    `act` opens its own transactions and returns False if it left the item to another worker. Items are identified by
    `str()`, which is logged, so it must be an identifier. No item is started after `seconds`. Call this once per run
    of a job, because failures of items that did not return are forgotten. Outside a job errors are raised.
    """
    job, end = _current.get(), time.monotonic() + seconds
    known = {failed.item: failed for failed in FailedItem.objects.filter(job=job)} if job else {}
    now, results = timezone.now(), []
    moot = {name for name, failed in known.items() if failed.retry_at <= now}
    for item in items:
        failed = known.get(str(item))
        if failed is not None and failed.retry_at > now:
            continue
        moot.discard(str(item))
        try:
            result = act(item)
        except Exception as error:
            if not job or is_unreachable(error):
                raise
            _note_failed_item(job, str(item), failed, error)
        else:
            results.append(result)
            if failed is not None and result is not False:
                failed.delete()
        if time.monotonic() > end:
            return results
    if moot:
        FailedItem.objects.filter(job=job, item__in=moot).delete()
    return results


def resting() -> list[str]:
    """Return the failed items of the current job that wait for a retry, so that a batch can exclude them."""
    job = _current.get()
    if not job:
        return []
    return list(FailedItem.objects.filter(job=job, retry_at__gt=timezone.now()).values_list("item", flat=True))


def register(jobs: Iterable[Job]) -> None:
    """Register `jobs` from now on; forget other jobs, such as those of another release."""
    every = {job.label: job.every for job in jobs}
    now = timezone.now()
    states = [JobState(name=name, every=seconds, since=now) for name, seconds in every.items()]
    JobState.objects.bulk_create(states, ignore_conflicts=True)
    JobState.objects.exclude(name__in=every).delete()
    FailedItem.objects.exclude(job__in=every).delete()


def late() -> dict[str, str]:
    """Return a description of each late job by its name. Two queries."""
    now, found = timezone.now(), {}
    for state in JobState.objects.order_by("name"):
        done = state.done_at or state.since
        every = timedelta(seconds=state.every)
        if now - done > every + max(every, LATE_JOB):
            failed = f", failed {state.failures} times" if state.failures else ""
            found[state.name] = f"not done for {_seconds(now - done)} seconds{failed}"
    items: dict[str, list[datetime]] = {}
    for failed_item in FailedItem.objects.filter(since__lt=now - LATE_ITEM).order_by("job", "since"):
        items.setdefault(failed_item.job, []).append(failed_item.since)
    for job, since in items.items():
        text = f"failing offices or rows: {len(since)}, for {_seconds(now - since[0])} seconds"
        found[job] = f"{found[job]}; {text}" if job in found else text
    return found


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())


def _described(error: Exception) -> dict[str, object]:
    """Return the log fields of an error without its message, which may hold personal data."""
    return {"error": type(error).__name__, "traceback": traceback_of(error)}


@contextmanager
def _lock_timeout() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
            except Exception:  # the connection is broken, and the pool must not get it back
                connection.close()


def _note_done(job: Job) -> None:
    now = timezone.now()
    state = JobState(name=job.label, every=job.every, since=now, done_at=now)
    fields = ["every", "done_at", "failures"]
    JobState.objects.bulk_create([state], update_conflicts=True, unique_fields=["name"], update_fields=fields)


def _note_failure(job: Job) -> None:
    state = JobState(name=job.label, every=job.every, since=timezone.now())
    JobState.objects.bulk_create([state], ignore_conflicts=True)
    JobState.objects.filter(name=job.label).update(failures=F("failures") + 1, failed=F("failed") + 1)


def _note_failed_item(job: str, item: str, before: FailedItem | None, error: Exception) -> None:
    failures, now = (before.failures if before else 0) + 1, timezone.now()
    pause = min(ITEM_RETRY * 2 ** min(failures - 1, 20), ITEM_RETRY_MAX)
    log.error("job failed", item=item, failures=failures, **_described(error))
    values = {"failures": failures, "retry_at": now + pause, "error": type(error).__name__[:100]}
    FailedItem.objects.update_or_create(job=job, item=item, defaults=values, create_defaults=values | {"since": now})
    JobState.objects.filter(name=job).update(failed=F("failed") + 1)
