"""Periodic jobs of the worker. Failures are isolated per job, and per office or row within a job.

A failed job or item is retried with its own back-off, logged, and counted in the database, where `/readyz` and the
metrics of every process read it.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import structlog
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from structlog.contextvars import bound_contextvars

from core import tracing
from core.db_errors import is_server_unreachable
from core.ids import uuid7
from core.logs import format_traceback
from core.models import FailedJobItem, PeriodicJobStatus

LOCK_TIMEOUT_SECONDS = 5  # maximum wait of an office or row for a lock: its holder may hang
JOB_RETRY_SECONDS, MAX_JOB_RETRY_SECONDS = 60.0, 300.0  # seconds; the first is shorter for jobs that run more often
ITEM_RETRY_DELAY, MAX_ITEM_RETRY_DELAY = timedelta(seconds=5), timedelta(hours=1)
SUCCESS_RECORD_SECONDS = 5.0  # seconds between two records of success
JOB_LATE_AFTER = timedelta(minutes=2)  # beyond its interval
ITEM_LATE_AFTER = timedelta(minutes=5)  # since its first failure

JobItemT = TypeVar("JobItemT")
JobResultT = TypeVar("JobResultT")
_current_job: ContextVar[str] = ContextVar("job", default="")

log = structlog.get_logger("loket.jobs")


class PeriodicJob(NamedTuple):
    """A function to call at an interval in seconds. Running it twice at once must be harmless."""

    function: Callable[[], object]
    every: float
    name: str = ""

    @property
    def label(self) -> str:
        """Name in logs, metrics and `/readyz`: by default the dotted path of the function."""
        return (self.name or f"{self.function.__module__}.{self.function.__qualname__}")[:200]


def discover_jobs() -> list[PeriodicJob]:
    """Return the periodic jobs of every app, which lists them as JOBS in its module `jobs`."""
    autodiscover_modules("jobs")
    modules = (sys.modules.get(f"{config.name}.jobs") for config in apps.get_app_configs())
    return [job for module in modules for job in getattr(module, "JOBS", ())]


@dataclass
class JobRunner:
    """Runs one job in one process and keeps its back-off."""

    job: PeriodicJob
    failures: int = 0  # since the last success
    _noted: float = -math.inf

    def run(self) -> float:
        """Run the job; return the seconds until its next run. Raises only if the database is unavailable."""
        label = self.job.label
        token = _current_job.set(label)
        try:
            with bound_contextvars(correlation_id=str(uuid7()), job=label), tracing.span(f"job {label}"):
                return self._run(label)
        finally:
            _current_job.reset(token)

    def _run(self, label: str) -> float:
        try:
            with _set_lock_timeout():
                self.job.function()
        except Exception as error:
            if is_server_unreachable(error):
                raise
            self.failures += 1
            tracing.mark_failed(error)
            log.error("job failed", failures=self.failures, **_build_error_fields(error))
            _record_failure(self.job)
            first = min(max(self.job.every, 1.0), JOB_RETRY_SECONDS)
            return float(min(first * 2 ** min(self.failures - 1, 30), max(self.job.every, MAX_JOB_RETRY_SECONDS)))
        if self.failures or time.monotonic() >= self._noted + SUCCESS_RECORD_SECONDS:
            _record_success(self.job)
            self.failures, self._noted = 0, time.monotonic()
        return self.job.every


def process_items(
    act: Callable[[JobItemT], JobResultT], items: Iterable[JobItemT], *, seconds: float = math.inf
) -> list[JobResultT]:
    """Call `act` for each of `items` and return the results; a failing item is skipped and does not stop the others.

    `act` opens its own transactions and returns False if it left the item to another worker. Items are identified by
    `str()`, which is logged, so it must be an identifier. No item is started after `seconds`. Call this once per run
    of a job, because failures of items that did not return are forgotten. Outside a job errors are raised.
    """
    job, end = _current_job.get(), time.monotonic() + seconds
    failed_before = {failed.item: failed for failed in FailedJobItem.objects.filter(job=job)} if job else {}
    now, results = timezone.now(), []
    outdated = {name for name, failed in failed_before.items() if failed.retry_at <= now}
    for item in items:
        failed = failed_before.get(str(item))
        if failed is not None and failed.retry_at > now:
            continue
        outdated.discard(str(item))
        try:
            result = act(item)
        except Exception as error:
            if not job or is_server_unreachable(error):
                raise
            _record_failed_item(job, str(item), failed, error)
        else:
            results.append(result)
            if failed is not None and result is not False:
                failed.delete()
        if time.monotonic() > end:
            return results
    if outdated:
        FailedJobItem.objects.filter(job=job, item__in=outdated).delete()
    return results


def list_deferred_items() -> list[str]:
    """Return the failed items of the current job that wait for a retry, so that a batch can exclude them."""
    job = _current_job.get()
    if not job:
        return []
    return list(FailedJobItem.objects.filter(job=job, retry_at__gt=timezone.now()).values_list("item", flat=True))


def register_jobs(jobs: Iterable[PeriodicJob]) -> None:
    """Register `jobs` from now on; forget other jobs, such as those of another release."""
    every = {job.label: job.every for job in jobs}
    now = timezone.now()
    states = [PeriodicJobStatus(name=name, every=seconds, since=now) for name, seconds in every.items()]
    PeriodicJobStatus.objects.bulk_create(states, ignore_conflicts=True)
    PeriodicJobStatus.objects.exclude(name__in=every).delete()
    FailedJobItem.objects.exclude(job__in=every).delete()


def describe_late_jobs() -> dict[str, str]:
    """Return a description of each late job by its name. Two queries."""
    now, descriptions = timezone.now(), {}
    for state in PeriodicJobStatus.objects.order_by("name"):
        done = state.done_at or state.since
        every = timedelta(seconds=state.every)
        if now - done > every + max(every, JOB_LATE_AFTER):
            failed = f", failed {state.failures} times" if state.failures else ""
            descriptions[state.name] = f"not done for {_to_seconds(now - done)} seconds{failed}"
    items: dict[str, list[datetime]] = {}
    for failed_item in FailedJobItem.objects.filter(since__lt=now - ITEM_LATE_AFTER).order_by("job", "since"):
        items.setdefault(failed_item.job, []).append(failed_item.since)
    for job, since in items.items():
        text = f"failing offices or rows: {len(since)}, for {_to_seconds(now - since[0])} seconds"
        descriptions[job] = f"{descriptions[job]}; {text}" if job in descriptions else text
    return descriptions


def _to_seconds(period: timedelta) -> int:
    return int(period.total_seconds())


def _build_error_fields(error: Exception) -> dict[str, object]:
    """Return the log fields of an error without its message, which may hold personal data."""
    return {"error": type(error).__name__, "traceback": format_traceback(error)}


@contextmanager
def _set_lock_timeout() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
            except Exception:  # the connection is broken, and the pool must not get it back
                connection.close()


def _record_success(job: PeriodicJob) -> None:
    now = timezone.now()
    state = PeriodicJobStatus(name=job.label, every=job.every, since=now, done_at=now)
    fields = ["every", "done_at", "failures"]
    PeriodicJobStatus.objects.bulk_create([state], update_conflicts=True, unique_fields=["name"], update_fields=fields)


def _record_failure(job: PeriodicJob) -> None:
    state = PeriodicJobStatus(name=job.label, every=job.every, since=timezone.now())
    PeriodicJobStatus.objects.bulk_create([state], ignore_conflicts=True)
    PeriodicJobStatus.objects.filter(name=job.label).update(failures=F("failures") + 1, failed=F("failed") + 1)


def _record_failed_item(job: str, item: str, before: FailedJobItem | None, error: Exception) -> None:
    failures, now = (before.failures if before else 0) + 1, timezone.now()
    pause = min(ITEM_RETRY_DELAY * 2 ** min(failures - 1, 20), MAX_ITEM_RETRY_DELAY)
    log.error("job failed", item=item, failures=failures, **_build_error_fields(error))
    values = {"failures": failures, "retry_at": now + pause, "error": type(error).__name__[:100]}
    FailedJobItem.objects.update_or_create(job=job, item=item, defaults=values, create_defaults=values | {"since": now})
    PeriodicJobStatus.objects.filter(name=job).update(failed=F("failed") + 1)
