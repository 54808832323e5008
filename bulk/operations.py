"""Operations in the browser: planned and kept sealed, asked of the worker, undone, forgotten."""

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
# A file is planned by the worker, while a page shows how far it is: nothing of it is parsed in the web process. So is a
# selection or an undoing that is larger than these bytes.
_AT_ONCE = 16 * 1024
_QUICK = 256 * 1024  # bytes of a file that does not even try a quick turn at the worker
_AN_ITEM = 128  # bytes that an item which is undone counts for


def keep_file(user: User, content: bytes, *, name: str, invite: bool, by: Actor) -> Operation:
    """Keep a file of people, sealed, for an hour, and have the worker plan what it would change. Raises Throttled."""
    limits.charge(user)
    return _keep(Operation(provider=user.provider, user=user, kind=Kind.USERS, name=name, invite=invite), content, by)


def keep_team_files(user: User, files: Iterable[tuple[str, bytes]], *, name: str, by: Actor) -> Operation:
    """Keep files of teams, sealed, for an hour, and have the worker plan what they would change. Raises Throttled."""
    limits.charge(user)
    operation = Operation(provider=user.provider, user=user, kind=Kind.TEAMS, name=name)
    return _keep(operation, doing.written(files), by)


def keep_wish(user: User, wish: Wish, *, name: str, by: Actor) -> Operation:
    """Plan what is to be done to several people and keep both, sealed, for an hour. Raises Throttled."""
    limits.charge(user)
    return _keep(Operation(provider=user.provider, user=user, kind=Kind.SEVERAL, name=name), wish.written(), by)


def keep_undo(done: Operation, *, by: Actor) -> Operation:
    """Plan what turns an operation back that was done. Raises Throttled."""
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
    """Plan once more, as the office is now. Raises Throttled."""
    operation = _locked(operation)
    if operation.is_planned:
        _plan(operation, by)


def _plan(operation: Operation, by: Actor) -> None:
    """Plan what is small now, and have the worker plan files and what is large."""
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
    """Have the worker do what the plan says, once however often it is asked, as by a double click. Raises Throttled."""
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
    """Return the file that says what was done, and for whom it was not."""
    return b"".join(results.result_lines(kept.items_of(operation), kept.faults_of(operation)))


def faulty_rows(operation: Operation) -> bytes:
    """Return a CSV file with the rows that are to be mended, below their head."""
    return b"".join(sheets.csv_lines(kept.values_of(operation, Page.What.ROWS)))


def may_undo(operation: Operation) -> bool:
    """Return whether an operation that was done can be turned back: not twice, and a mail alone cannot."""
    if not operation.is_done or operation.is_undoing or operation.undoings.filter(state=State.DONE).exists():
        return False
    items = kept.page_of(operation, Page.What.ITEMS, 1)[0]
    return any(item["changes"].keys() - {"invitation"} for item in items)


def forget(operation: Operation) -> bool:
    """Throw away what is planned; return False when it was asked for meanwhile."""
    return Operation.objects.filter(pk=operation.pk, state=State.PLANNED).delete()[0] > 0


def sweep() -> int:
    """Throw away what was kept long enough, unless it waits for the worker. A periodic job of the worker."""
    old = Operation.objects.filter(expires_at__lte=timezone.now())
    waits = Operation.AT_THE_WORKER
    return old.exclude(state__in=waits).exclude(undoings__state__in=waits).delete()[0]
