"""Plan and execute a job of any kind."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actors import Actor
from imports import bulk_actions, storage
from imports.execute import apply_users
from imports.files import result_files
from imports.files.budget import UPLOAD_LIMITS
from imports.files.team_rows import NamedFiles
from imports.models import ImportJob
from imports.plans import revert_teams, revert_users, team_plans, user_plans
from imports.plans.plan import JsonLinesFile, Plan, PlanItem, PlanRefused, ProgressCallback, ignore_progress

ExecutionResult = tuple[Plan, JsonLinesFile | None]  # None: the plan has faults and nothing was done


def serialize_files(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Serialize files with their names, for encrypted storage."""
    return json.dumps([[name, b64encode(content).decode()] for name, content in files]).encode()


def _load_team_files(job: ImportJob) -> NamedFiles:
    return [(name, BytesIO(b64decode(content))) for name, content in json.loads(storage.load_input(job))]


def open_user_file(job: ImportJob) -> BytesIO:
    """Return the uploaded file of a user import."""
    return BytesIO(storage.load_input(job))


def plan_job(job: ImportJob, *, by: Actor, progress: ProgressCallback = ignore_progress) -> Plan:
    """Return the plan of a job for the current state of the office. Raises UnreadableFile."""
    provider, kind = job.provider, job.kind
    if kind == ImportJob.Kind.USERS:
        file, invite = open_user_file(job), job.invite
        return user_plans.plan_user_file(provider, file, by=by, invite=invite, limits=UPLOAD_LIMITS, progress=progress)
    if kind == ImportJob.Kind.TEAMS:
        return team_plans.plan_team_files(provider, _load_team_files(job), by=by, limits=UPLOAD_LIMITS)
    if kind == ImportJob.Kind.BULK_ACTION:
        return bulk_actions.plan_bulk_action(
            provider, bulk_actions.parse_request(storage.load_input(job)), by=by, progress=progress
        )
    plan_revert = revert_teams.plan_team_revert if job.is_about_teams else revert_users.plan_user_revert
    return plan_revert(provider, _load_items_to_revert(job), by=by)


def read_faulty_rows(job: ImportJob, plan: Plan) -> Iterator[list[str]]:
    """Yield the header of a user import and its rows with faults; nothing for other jobs."""
    if job.kind == ImportJob.Kind.USERS and len(plan.faults):
        yield from result_files.iterate_faulty_rows(plan, open_user_file(job), limits=UPLOAD_LIMITS)


def _load_items_to_revert(job: ImportJob) -> Iterator[PlanItem]:
    if job.undoes is None:
        raise PlanRefused
    return storage.iterate_items(job.undoes)


def execute_job(
    job: ImportJob, *, by: Actor, planning: ProgressCallback, progress: ProgressCallback
) -> ExecutionResult:
    """Plan the job again and execute it, all or nothing. Raises PlanRefused when the plan has changed."""
    provider, kind = job.provider, job.kind
    if kind == ImportJob.Kind.USERS:
        plan, done = apply_users.apply_user_file(
            provider, open_user_file(job), by=by, invite=job.invite, digest=job.digest,
            limits=UPLOAD_LIMITS, planning=planning, progress=progress,
        )  # fmt: skip
        return plan, None if len(plan.faults) else done
    if kind == ImportJob.Kind.TEAMS:
        plan, done = team_plans.apply_team_files(
            provider, _load_team_files(job), by=by, digest=job.digest, limits=UPLOAD_LIMITS
        )
        return plan, None if len(plan.faults) else done
    return _execute_without_file(job, by, planning, progress)


def _execute_without_file(
    job: ImportJob, by: Actor, planning: ProgressCallback, progress: ProgressCallback
) -> ExecutionResult:
    with transaction.atomic():
        provider = lock_provider(job.provider_id)
        plan = plan_job(job, by=by, progress=planning)
        apply_users.check_plan(plan, job.digest)
        if len(plan.faults) and not job.skips_failures:
            return plan, None
        if len(plan.faults) and plan.is_empty:
            raise PlanRefused(_("This is no longer possible for any of these users. Create the plan again to see why."))
        return plan, _get_executor(job, provider, plan, by, progress)()


def _get_executor(
    job: ImportJob, provider: Provider, plan: Plan, by: Actor, progress: ProgressCallback
) -> Callable[[], JsonLinesFile]:
    if job.kind == ImportJob.Kind.BULK_ACTION:
        bulk_action = bulk_actions.parse_request(storage.load_input(job))
        return lambda: bulk_actions.apply_bulk_action(provider, plan, bulk_action, by=by, progress=progress)
    if job.kind == ImportJob.Kind.REVERT_TEAMS:
        return lambda: team_plans.apply_team_plan(provider, plan, by=by)
    return lambda: apply_users.apply_user_plan(provider, plan, by=by, progress=progress)
