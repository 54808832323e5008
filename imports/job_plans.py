"""Plan and execute a job of any kind."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from io import BytesIO

from accounts.models import Provider
from audit.actors import Actor
from imports import bulk_actions, storage
from imports.files import result_files
from imports.files.budget import UPLOAD_LIMITS
from imports.files.team_rows import NamedFiles
from imports.models import ImportJob
from imports.plans import reverts, team_plans, user_plans
from imports.plans.plan import Plan, PlanRefused, ProgressCallback, ignore_progress, plan_and_apply

JobType = ImportJob.Kind


def serialize_files(files: Iterable[tuple[str, bytes]]) -> bytes:
    return json.dumps([[name, b64encode(content).decode()] for name, content in files]).encode()


def _load_team_files(job: ImportJob) -> NamedFiles:
    return [(name, BytesIO(b64decode(content))) for name, content in json.loads(storage.load_input(job))]


def plan_job(job: ImportJob, *, by: Actor, progress: ProgressCallback = ignore_progress) -> Plan:
    """Return the plan of a job for the current state of the office. Raises UnreadableFile, PlanRefused."""
    provider, kind = job.provider, job.kind
    if kind == JobType.USERS:
        file, invite = BytesIO(storage.load_input(job)), job.invite
        return user_plans.plan_user_file(provider, file, by=by, invite=invite, limits=UPLOAD_LIMITS, progress=progress)
    if kind == JobType.TEAMS:
        return team_plans.plan_team_files(provider, _load_team_files(job), by=by, limits=UPLOAD_LIMITS)
    if kind == JobType.BULK_ACTION:
        bulk_action = bulk_actions.parse_request(storage.load_input(job))
        return bulk_actions.plan_bulk_action(provider, bulk_action, by=by, progress=progress)
    if job.undoes is None:
        raise PlanRefused
    plan_revert = reverts.plan_team_revert if job.is_about_teams else reverts.plan_user_revert
    return plan_revert(provider, storage.iterate_items(job.undoes), by=by)


def read_faulty_rows(job: ImportJob, plan: Plan) -> Iterator[list[str]]:
    """Yield the header of a user import and its rows with faults; nothing for other jobs."""
    if job.kind == JobType.USERS and plan.faults:
        yield from result_files.iterate_faulty_rows(plan, BytesIO(storage.load_input(job)), limits=UPLOAD_LIMITS)


def execute_job(job: ImportJob, *, by: Actor, progress: ProgressCallback) -> Plan:
    """Plan the job again and execute it, all or nothing. Raises PlanRefused when the plan has changed."""

    def make_plan(provider: Provider) -> Plan:
        job.provider = provider  # the locked row
        return plan_job(job, by=by, progress=progress)

    return plan_and_apply(
        job.provider,
        make_plan,
        by=by,
        digest=job.digest,
        skips_faults=job.skips_failures,
        progress=progress,
    )
