"""What the worker does with an operation that was asked for: all of it in one transaction, and how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from audit.actors import Actor, Origin
from bulk import doing, kept, showing
from bulk.models import KEPT, KEPT_DONE, Operation, Page
from bulk.plan import Lines, Plan, Progress, Refused


def run_due() -> int:
    """Do what was asked for, one after the other; return how many had their turn. A job of the worker."""
    turns = 0
    while run_one():
        turns += 1
    return turns


def run_one() -> bool:
    """Do the operation whose turn it is; return False when nothing is asked for.

    Its row stays locked until it is done, so that no other worker takes it, and a worker that dies leaves nothing.
    What nobody foresaw is noted with the operation, which is not tried again, and raised.
    """
    taken = None
    try:
        with transaction.atomic():
            rows = Operation.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
            asked = rows.filter(state=Operation.State.ASKED).select_related("provider", "user__provider", "undoes")
            taken = asked.order_by("asked_at").first()
            if taken is None:
                return False
            with translation.override(taken.language):
                _run(taken)
    except Exception:
        if taken is not None:
            with translation.override(taken.language):
                _refuse(taken, _("Something went wrong on our side. It has been noted."))
        raise
    return True


def _run(operation: Operation) -> None:
    by = Actor(
        Origin.PAGE, operation.user.full_name, operation.user, operation.address, operation.correlation_id
    )  # fmt: skip
    try:
        with transaction.atomic(), _progress(operation) as note:
            made, done = doing.do(operation, by=by, planning=note, progress=note)
    except Refused as refused:
        _refuse(operation, str(refused))
        return
    if done is None:
        _refuse(operation, _("The plan has faults now. Plan again and look at it."))
    else:
        _finish(operation, made, done)


def _finish(operation: Operation, made: Plan, done: Lines) -> None:
    """Keep what was done, and nothing of what was sent in."""
    now = timezone.now()
    kept.summarize(operation, made, rows=0)
    kept.keep_pages(operation, Page.What.ITEMS, showing.losses_first(done))
    kept.keep_pages(operation, Page.What.FAULTS, made.faults)
    operation.state, operation.sealed_input = Operation.State.DONE, None
    operation.done_at, operation.expires_at = now, now + KEPT_DONE
    operation.save()


def _refuse(operation: Operation, error: str) -> None:
    """Note why nothing was done; it can be planned again."""
    kept.keep_summary(operation, kept.summary_of(operation) | {"error": error})
    operation.state, operation.expires_at = Operation.State.PLANNED, timezone.now() + KEPT
    operation.save(update_fields=["state", "expires_at", "sealed_summary"])


@contextmanager
def _progress(operation: Operation) -> Iterator[Progress]:
    """Give a function that shows how far it is, by a connection of its own: the other one's work is not yet there."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as beside:
        yield _counter(beside, operation)


def _counter(beside: "psycopg.Connection[tuple[object, ...]]", operation: Operation) -> Callable[[int], object]:
    def count(rows: int) -> object:
        return beside.execute("UPDATE bulk_progress SET done = done + %s WHERE operation_id = %s", [rows, operation.pk])

    return count
