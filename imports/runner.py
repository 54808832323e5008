"""Execution of jobs by the worker: make a long plan, or execute a plan in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from audit.actors import Actor, EventOrigin
from core import tracing
from core.access import ReauthenticationLevel
from imports import job_plans, scheduling, storage
from imports.files.cells import UnreadableFile
from imports.models import PLAN_RETENTION, RESULT_RETENTION, ImportJob, ImportJobPage
from imports.models import ImportJobProgress as Waiting
from imports.plans import rendering
from imports.plans.plan import Plan, PlanRefused, ProgressCallback, ignore_progress
from imports.scheduling import JobQueue, JobTimeout

JobState = ImportJob.State
MAX_ATTEMPTS = 3  # started; a job that kills the worker is not retried forever


def run_due_jobs() -> int:
    """Plan and execute all requested jobs, one after the other; return how many."""
    count = 0
    while run_next_job():
        count += 1
    return count


def list_waiting_queues() -> set[bool]:
    """Return which queues have jobs waiting or running, True being the long one. Cheap enough for polling."""
    return set(ImportJob.objects.filter(state__in=ImportJob.QUEUED_STATES).values_list("progress__is_long", flat=True))


def has_due_job(queue: JobQueue) -> bool:
    """Return whether a job in this queue is waiting that no other worker is serving."""
    with transaction.atomic():
        return scheduling.claim_job(queue) is not None


def run_next_job(queue: JobQueue | None = None) -> bool:
    """Plan or execute the next job in `queue`, or in any queue without it; return False when there is none.

    The row stays locked in the meantime, so that no other worker takes the job and a crash leaves nothing behind. A job
    that exceeds the time limit is rolled back; it moves to the long queue, or is refused if it came from there. After
    an unexpected error the job is refused, not retried, and the error is raised.
    """
    taken = None
    try:
        with transaction.atomic():
            taken = scheduling.claim_job(queue)
            if taken is None:
                return False
            with (
                translation.override(taken.language),
                scheduling.limit_duration(None if queue is None else queue.seconds),
                tracing.span(f"import {taken.state}"),
            ):
                _run_job(taken)
    except JobTimeout:
        if taken is None or queue is None:
            raise
        _defer_or_refuse(taken, queue)
    except Exception:
        if taken is not None:
            with translation.override(taken.language):
                store_refusal(taken, _("Something went wrong on our side. It has been logged."))
        raise
    return True


def _defer_or_refuse(job: ImportJob, queue: JobQueue) -> None:
    """Move a job that took too long to the long queue, or refuse it there."""
    if queue.is_long:
        with translation.override(job.language):
            store_refusal(job, _("This takes too long. Split it and run the parts one after another."))
    else:
        Waiting.objects.filter(operation=job).update(is_long=True, done=0, turns=0)


def _run_job(job: ImportJob) -> None:
    by = Actor(
        EventOrigin.PAGE, job.user.full_name, job.user, job.address, job.correlation_id,
        proof=ReauthenticationLevel(job.proof),
    )  # fmt: skip
    act = _plan_job if job.state == JobState.PLAN_REQUESTED else _execute_job
    if job.progress.turns >= MAX_ATTEMPTS:
        reason = _("The worker stopped %(count)s times while processing this. Split it and try one part.")
        store_refusal(job, reason % {"count": MAX_ATTEMPTS})
        return
    try:
        with transaction.atomic(), _open_progress(job) as progress:
            act(job, by, progress)
    except (PlanRefused, UnreadableFile) as error:
        store_refusal(job, str(error))


def _plan_job(job: ImportJob, by: Actor, progress: ProgressCallback) -> None:
    plan_and_store(job, by=by, progress=progress)
    job.state, job.expires_at = JobState.PLANNED, timezone.now() + PLAN_RETENTION
    job.save()


def plan_and_store(job: ImportJob, *, by: Actor, progress: ProgressCallback = ignore_progress) -> None:
    """Plan a saved job for the current state of the office and store its pages. Raises UnreadableFile."""
    rows: list[int] = []

    def count(some: int) -> None:
        rows.append(some)
        progress(some)

    plan = job_plans.plan_job(job, by=by, progress=count)
    storage.set_plan_summary(job, plan, rows=sum(rows))
    job.save(update_fields=["encrypted_summary", "digest"])
    storage.store_pages(job, ImportJobPage.ListName.ITEMS, rendering.order_plan_items(plan))
    faults = plan.faults if job.skips_failures else rendering.group_faults(plan.faults)
    storage.store_pages(job, ImportJobPage.ListName.FAULTS, faults)
    storage.store_pages(job, ImportJobPage.ListName.ROWS, job_plans.read_faulty_rows(job, plan))


def _execute_job(job: ImportJob, by: Actor, progress: ProgressCallback) -> None:
    plan = job_plans.execute_job(job, by=by, progress=progress)
    if plan.is_applied:
        _store_result(job, plan)
    else:
        store_refusal(job, _("The plan now has errors. Create the plan again and review it."))


def _store_result(job: ImportJob, plan: Plan) -> None:
    now = timezone.now()
    plan.send_forecast = None  # the page shows the progress instead
    job.correlation_id = job.correlation_id or plan.digest[:36]  # that of its messages, see `plans.plan.apply_plan`
    storage.set_plan_summary(job, plan, rows=0)
    storage.store_pages(job, ImportJobPage.ListName.ITEMS, rendering.order_plan_items(plan))
    storage.store_pages(job, ImportJobPage.ListName.FAULTS, plan.faults)
    storage.store_pages(job, ImportJobPage.ListName.ROWS, ())
    job.state, job.encrypted_input = JobState.DONE, None
    job.done_at, job.expires_at = now, now + RESULT_RETENTION
    job.save()


def store_refusal(job: ImportJob, error: str) -> None:
    """Store why nothing was done; the job can be planned again."""
    storage.set_summary(job, storage.load_summary(job) | {"error": error})
    job.state, job.expires_at = JobState.PLANNED, timezone.now() + PLAN_RETENTION
    job.save(update_fields=["state", "expires_at", "encrypted_summary"])


@contextmanager
def _open_progress(job: ImportJob) -> Iterator[ProgressCallback]:
    """Yield a callback that stores progress.

    It uses its own connection, because the transaction of the job is not committed yet.
    """
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as beside:
        beside.execute("UPDATE imports_importjobprogress SET turns = turns + 1 WHERE operation_id = %s", [job.pk])
        sql = "UPDATE imports_importjobprogress SET done = done + %s WHERE operation_id = %s"
        yield lambda rows: beside.execute(sql, [rows, job.pk])
