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
from bulk import applying, kept, people_plans, results, several, team_plans, team_undoing, undoing
from bulk.budget import FOR_PAGES
from bulk.models import Operation
from bulk.plan import Item, Lines, Plan, Progress, Refused, quiet
from bulk.team_files import Files

Done = tuple[Plan, Lines | None]  # None: the plan has faults and nothing was done


def written(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Serialize files with their names, for encrypted storage."""
    return json.dumps([[name, b64encode(content).decode()] for name, content in files]).encode()


def _files(operation: Operation) -> Files:
    return [(name, BytesIO(b64decode(content))) for name, content in json.loads(kept.input_of(operation))]


def file_of(operation: Operation) -> BytesIO:
    """Return the uploaded file of a user import."""
    return BytesIO(kept.input_of(operation))


def plan(operation: Operation, *, by: Actor, progress: Progress = quiet) -> Plan:
    """Return the plan of a job for the current state of the office. Raises Unreadable."""
    provider, kind = operation.provider, operation.kind
    if kind == Operation.Kind.USERS:
        file, invite = file_of(operation), operation.invite
        return people_plans.plan(provider, file, by=by, invite=invite, limits=FOR_PAGES, progress=progress)
    if kind == Operation.Kind.TEAMS:
        return team_plans.plan(provider, _files(operation), by=by, limits=FOR_PAGES)
    if kind == Operation.Kind.SEVERAL:
        return several.plan(provider, several.read(kept.input_of(operation)), by=by, progress=progress)
    undo = team_undoing.plan_undo if operation.is_about_teams else undoing.plan_undo
    return undo(provider, _items_to_undo(operation), by=by)


def faulty_rows(operation: Operation, plan: Plan) -> Iterator[list[str]]:
    """Yield the header of a user import and its rows with faults; nothing for other jobs."""
    if operation.kind == Operation.Kind.USERS and len(plan.faults):
        yield from results.faulty_rows(plan, file_of(operation), limits=FOR_PAGES)


def _items_to_undo(operation: Operation) -> Iterator[Item]:
    if operation.undoes is None:
        raise Refused
    return kept.items_of(operation.undoes)


def do(operation: Operation, *, by: Actor, planning: Progress, progress: Progress) -> Done:
    """Plan the job again and execute it, all or nothing. Raises Refused when the plan has changed."""
    provider, kind = operation.provider, operation.kind
    if kind == Operation.Kind.USERS:
        made, done = applying.apply_file(
            provider, file_of(operation), by=by, invite=operation.invite, digest=operation.digest,
            limits=FOR_PAGES, planning=planning, progress=progress,
        )  # fmt: skip
        return made, None if len(made.faults) else done
    if kind == Operation.Kind.TEAMS:
        made, done = team_plans.apply(provider, _files(operation), by=by, digest=operation.digest, limits=FOR_PAGES)
        return made, None if len(made.faults) else done
    return _do_without_file(operation, by, planning, progress)


def _do_without_file(operation: Operation, by: Actor, planning: Progress, progress: Progress) -> Done:
    with transaction.atomic():
        provider = lock_provider(operation.provider_id)
        made = plan(operation, by=by, progress=planning)
        applying.check(made, operation.digest)
        if len(made.faults) and not operation.passes_over:
            return made, None
        if len(made.faults) and made.is_empty:
            raise Refused(_("This is no longer possible for any of these users. Create the plan again to see why."))
        return made, _doer(operation, provider, made, by, progress)()


def _doer(operation: Operation, provider: Provider, made: Plan, by: Actor, progress: Progress) -> Callable[[], Lines]:
    if operation.kind == Operation.Kind.SEVERAL:
        wish = several.read(kept.input_of(operation))
        return lambda: several.do(provider, made, wish, by=by, progress=progress)
    if operation.kind == Operation.Kind.UNDO_TEAMS:
        return lambda: team_plans.run(provider, made, by=by)
    return lambda: applying.apply_items(provider, made, by=by, progress=progress)
