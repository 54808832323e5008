"""Actions on jobs: create, plan, execute by the worker, revert, discard."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone, translation

from accounts.models import User
from audit.actors import Actor, action
from core import sheets
from core.access import ReauthenticationLevel
from imports import job_plans, quotas, runner, storage
from imports.bulk_actions import BulkActionRequest
from imports.files import result_files
from imports.models import ImportJob, ImportJobPage, ImportJobProgress

JobType, JobState = ImportJob.Kind, ImportJob.State
# Files are planned by the worker while a page shows progress: the web process parses none of them. The same holds for
# bulk actions and reverts larger than this number of bytes.
_MAX_SYNC_BYTES = 16 * 1024
_MAX_SHORT_JOB_BYTES = 256 * 1024  # bytes; larger files go to the long queue at once
_BYTES_PER_ITEM = 128  # bytes counted for each item to revert


def create_user_import(user: User, content: bytes, *, name: str, invite: bool, by: Actor) -> ImportJob:
    """Store an encrypted user import for an hour and have the worker plan it. Raises Throttled."""
    quotas.count_submission(user)
    return _create_job(
        ImportJob(provider=user.office, user=user, kind=JobType.USERS, name=name, invite=invite), content, by
    )


def create_team_import(user: User, files: Iterable[tuple[str, bytes]], *, name: str, by: Actor) -> ImportJob:
    """Store an encrypted team import for an hour and have the worker plan it. Raises Throttled."""
    quotas.count_submission(user)
    job = ImportJob(provider=user.office, user=user, kind=JobType.TEAMS, name=name)
    return _create_job(job, job_plans.serialize_files(files), by)


def create_bulk_action(user: User, bulk_action: BulkActionRequest, *, name: str, by: Actor) -> ImportJob:
    """Plan a bulk action; store it with its plan, encrypted, for an hour. Raises Throttled."""
    quotas.count_submission(user)
    return _create_job(
        ImportJob(provider=user.office, user=user, kind=JobType.BULK_ACTION, name=name), bulk_action.serialize(), by
    )


def create_revert(done: ImportJob, *, by: Actor) -> ImportJob:
    """Plan the revert of a job that was done. Raises Throttled."""
    quotas.count_submission(done.user)
    kind = JobType.REVERT_TEAMS if done.is_about_teams else JobType.REVERT_USERS
    return _create_job(
        ImportJob(provider=done.provider, user=done.user, kind=kind, name=done.name, undoes=done), b"", by
    )


@transaction.atomic
def _create_job(job: ImportJob, content: bytes, by: Actor) -> ImportJob:
    job.name = job.name[-100:]
    storage.set_input(job, content)
    storage.set_summary(job, storage.EMPTY_SUMMARY)
    job.save(force_insert=True)
    _plan_or_queue(job, by)
    return job


@transaction.atomic
def replan_job(job: ImportJob, *, by: Actor) -> None:
    """Plan again for the current state of the office. Raises Throttled."""
    job = _lock_job(job)
    if job.is_planned:
        _plan_or_queue(job, by)


def _plan_or_queue(job: ImportJob, by: Actor) -> None:
    """Plan small jobs now; have the worker plan files and large jobs."""
    revert_bytes = storage.load_summary(job.undoes)["items"] * _BYTES_PER_ITEM if job.undoes else 0
    is_small = max(len(job.encrypted_input or b""), revert_bytes) <= _MAX_SYNC_BYTES
    if is_small and not job.has_files:
        runner.plan_and_store(job, by=by)
    else:
        _queue_job(job, JobState.PLAN_REQUESTED, by, total=0)


def _lock_job(job: ImportJob) -> ImportJob:
    rows = ImportJob.objects.select_for_update(of=("self",), no_key=True).select_related("provider", "undoes")
    return rows.get(pk=job.pk)


@action()
def request_execution(job: ImportJob, *, by: Actor) -> None:
    """Have the worker execute the plan, once even after a double click. Raises Throttled."""
    job = _lock_job(job)
    if job.is_planned:
        summary = storage.load_summary(job)
        if summary.get("signs_in", True):  # not stored by the previous release
            by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
        _queue_job(job, JobState.EXECUTION_REQUESTED, by, total=summary["rows"] and summary["rows"] + summary["items"])


def _queue_job(job: ImportJob, state: ImportJob.State, by: Actor, *, total: int) -> None:
    quotas.require_queue_room(job)
    storage.set_summary(job, storage.load_summary(job) | {"error": ""})
    job.state, job.asked_at = state, timezone.now()
    job.address, job.correlation_id, job.proof = by.address, by.correlation_id, by.proof
    job.language = translation.get_language() or job.language
    job.save()
    is_long = state == JobState.PLAN_REQUESTED and len(job.encrypted_input or b"") > _MAX_SHORT_JOB_BYTES
    values = {"provider": job.provider, "done": 0, "total": total, "is_long": is_long, "turns": 0}
    ImportJobProgress.objects.update_or_create(operation=job, defaults=values)


def export_result(job: ImportJob) -> bytes:
    """Return a CSV file listing what was done, and which users were skipped."""
    return b"".join(result_files.render_result_csv(storage.iterate_items(job), storage.iterate_faults(job)))


def export_faulty_rows(job: ImportJob) -> bytes:
    """Return a CSV file with the rows that have faults, below their header."""
    return b"".join(sheets.iter_csv_lines(storage.iterate_values(job, ImportJobPage.ListName.ROWS)))


def can_revert(job: ImportJob) -> bool:
    """Return whether a job can be reverted: only once, and not if it only sent e-mails."""
    if not job.is_done or job.is_revert or job.reverted_by.filter(state=JobState.DONE).exists():
        return False
    items = storage.load_page(job, ImportJobPage.ListName.ITEMS, 1)[0]
    return any(item["changes"].keys() - {"invitation", "invitation_revoked"} for item in items)


def discard_job(job: ImportJob) -> bool:
    """Delete a planned job; return False when it was queued in the meantime."""
    return ImportJob.objects.filter(pk=job.pk, state=JobState.PLANNED).delete()[0] > 0


def delete_expired_jobs() -> int:
    """Delete expired jobs, except those the worker needs. A periodic job of the worker."""
    old = ImportJob.objects.filter(expires_at__lte=timezone.now())
    waits = ImportJob.QUEUED_STATES
    return old.exclude(state__in=waits).exclude(reverted_by__state__in=waits).delete()[0]
