"""Actions on jobs: create, plan, execute by the worker, revert, discard."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone, translation

from accounts.models import User
from audit.actors import Actor, Proof, asks
from bulk import doing, kept, limits, results, running
from bulk.models import Operation, Page, Progress
from bulk.several import Wish
from loket import sheets

Kind, State = Operation.Kind, Operation.State
# Files are planned by the worker while a page shows progress: the web process parses none of them. The same holds for
# bulk actions and reverts larger than this number of bytes.
_AT_ONCE = 16 * 1024
_QUICK = 256 * 1024  # bytes; larger files go to the long lane at once
_AN_ITEM = 128  # bytes counted for each item to revert


def keep_file(user: User, content: bytes, *, name: str, invite: bool, by: Actor) -> Operation:
    """Store an encrypted user import for an hour and have the worker plan it. Raises Throttled."""
    limits.charge(user)
    return _keep(Operation(provider=user.provider, user=user, kind=Kind.USERS, name=name, invite=invite), content, by)


def keep_team_files(user: User, files: Iterable[tuple[str, bytes]], *, name: str, by: Actor) -> Operation:
    """Store an encrypted team import for an hour and have the worker plan it. Raises Throttled."""
    limits.charge(user)
    operation = Operation(provider=user.provider, user=user, kind=Kind.TEAMS, name=name)
    return _keep(operation, doing.written(files), by)


def keep_wish(user: User, wish: Wish, *, name: str, by: Actor) -> Operation:
    """Plan a bulk action; store it with its plan, encrypted, for an hour. Raises Throttled."""
    limits.charge(user)
    return _keep(Operation(provider=user.provider, user=user, kind=Kind.SEVERAL, name=name), wish.written(), by)


def keep_undo(done: Operation, *, by: Actor) -> Operation:
    """Plan the revert of a job that was done. Raises Throttled."""
    limits.charge(done.user)
    kind = Kind.UNDO_TEAMS if done.is_about_teams else Kind.UNDO
    return _keep(Operation(provider=done.provider, user=done.user, kind=kind, name=done.name, undoes=done), b"", by)


@transaction.atomic
def _keep(operation: Operation, content: bytes, by: Actor) -> Operation:
    operation.name = operation.name[-100:]
    kept.keep_input(operation, content)
    kept.keep_summary(operation, kept.NOTHING)
    operation.save(force_insert=True)
    _plan(operation, by)
    return operation


@transaction.atomic
def plan_again(operation: Operation, *, by: Actor) -> None:
    """Plan again for the current state of the office. Raises Throttled."""
    operation = _locked(operation)
    if operation.is_planned:
        _plan(operation, by)


def _plan(operation: Operation, by: Actor) -> None:
    """Plan small jobs now; have the worker plan files and large jobs."""
    undone = kept.summary_of(operation.undoes)["items"] * _AN_ITEM if operation.undoes else 0
    is_small = max(len(operation.sealed_input or b""), undone) <= _AT_ONCE
    if is_small and not operation.is_of_files:
        running.make_plan(operation, by=by)
    else:
        _ask(operation, State.WANTED, by, total=0)


def _locked(operation: Operation) -> Operation:
    rows = Operation.objects.select_for_update(of=("self",), no_key=True).select_related("provider", "undoes")
    return rows.get(pk=operation.pk)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def ask(operation: Operation, *, by: Actor) -> None:
    """Have the worker execute the plan, once even after a double click. Raises Throttled."""
    operation = _locked(operation)
    if operation.is_planned:
        summary = kept.summary_of(operation)
        if summary.get("signs_in", True):  # the release before did not note it
            by.require_proof(Proof.FIVE_MINUTES)
        _ask(operation, State.ASKED, by, total=summary["rows"] and summary["rows"] + summary["items"])


def _ask(operation: Operation, state: Operation.State, by: Actor, *, total: int) -> None:
    limits.require_room(operation)
    kept.keep_summary(operation, kept.summary_of(operation) | {"error": ""})
    operation.state, operation.asked_at = state, timezone.now()
    operation.address, operation.correlation_id, operation.proof = by.address, by.correlation_id, by.proof
    operation.language = translation.get_language() or operation.language
    operation.save()
    is_long = state == State.WANTED and len(operation.sealed_input or b"") > _QUICK
    values = {"provider": operation.provider, "done": 0, "total": total, "is_long": is_long, "turns": 0}
    Progress.objects.update_or_create(operation=operation, defaults=values)


def result(operation: Operation) -> bytes:
    """Return a CSV file listing what was done, and which users were skipped."""
    return b"".join(results.result_lines(kept.items_of(operation), kept.faults_of(operation)))


def faulty_rows(operation: Operation) -> bytes:
    """Return a CSV file with the rows that have faults, below their header."""
    return b"".join(sheets.csv_lines(kept.values_of(operation, Page.What.ROWS)))


def may_undo(operation: Operation) -> bool:
    """Return whether a job can be reverted: only once, and not if it only sent e-mails."""
    if not operation.is_done or operation.is_undoing or operation.undoings.filter(state=State.DONE).exists():
        return False
    items = kept.page_of(operation, Page.What.ITEMS, 1)[0]
    return any(item["changes"].keys() - {"invitation"} for item in items)


def forget(operation: Operation) -> bool:
    """Delete a planned job; return False when it was queued meanwhile."""
    return Operation.objects.filter(pk=operation.pk, state=State.PLANNED).delete()[0] > 0


def sweep() -> int:
    """Delete expired jobs, except those the worker needs. A periodic job of the worker."""
    old = Operation.objects.filter(expires_at__lte=timezone.now())
    waits = Operation.AT_THE_WORKER
    return old.exclude(state__in=waits).exclude(undoings__state__in=waits).delete()[0]
