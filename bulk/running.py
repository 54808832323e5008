"""Execution of jobs by the worker: make a long plan, or execute a plan in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from audit.actors import Actor, Origin, Proof
from bulk import doing, kept, showing, turns
from bulk.cells import Unreadable
from bulk.models import KEPT, KEPT_DONE, Operation, Page
from bulk.models import Progress as Waiting
from bulk.plan import Lines, Plan, Progress, Refused, quiet
from bulk.turns import Lane, OutOfTime

State = Operation.State
MAX_TURNS = 3  # started; a job that kills the worker is not retried forever


def run_due() -> int:
    """Plan and execute all requested jobs, one after the other; return how many."""
    count = 0
    while run_one():
        count += 1
    return count


def waiting_lanes() -> set[bool]:
    """Return which lanes have jobs waiting or running, True being the long one. Cheap enough for polling."""
    return set(Operation.objects.filter(state__in=Operation.AT_THE_WORKER).values_list("progress__is_long", flat=True))


def is_due(lane: Lane) -> bool:
    """Return whether a job in this lane is waiting that no other worker is serving."""
    with transaction.atomic():
        return turns.take(lane) is not None


def run_one(lane: Lane | None = None) -> bool:
    """Plan or execute the next job in `lane`, or in any lane without it; return False when there is none.

    The row stays locked meanwhile, so that no other worker takes the job and a crash leaves nothing behind. A job that
    exceeds the time limit is rolled back; it moves to the long lane, or is refused if it came from there. After an
    unexpected error the job is refused, not retried, and the error is raised.
    """
    taken = None
    try:
        with transaction.atomic():
            taken = turns.take(lane)
            if taken is None:
                return False
            with translation.override(taken.language), turns.within(None if lane is None else lane.seconds):
                _run(taken)
    except OutOfTime:
        if taken is None or lane is None:
            raise
        _put_aside(taken, lane)
    except Exception:
        if taken is not None:
            with translation.override(taken.language):
                refuse(taken, _("Something went wrong on our side. It has been logged."))
        raise
    return True


def _put_aside(operation: Operation, lane: Lane) -> None:
    """Move a job that took too long to the long lane, or refuse it there."""
    if lane.is_long:
        with translation.override(operation.language):
            refuse(operation, _("This takes too long. Split it and run the parts one after another."))
    else:
        Waiting.objects.filter(operation=operation).update(is_long=True, done=0, turns=0)


def _run(operation: Operation) -> None:
    by = Actor(
        Origin.PAGE, operation.user.full_name, operation.user, operation.address, operation.correlation_id,
        proof=Proof(operation.proof),
    )  # fmt: skip
    act = _plan if operation.state == State.WANTED else _do
    if operation.progress.turns >= MAX_TURNS:
        refuse(operation, _("The worker stopped %(count)s times while processing this. Split it and try one part."
                            ) % {"count": MAX_TURNS})  # fmt: skip
        return
    try:
        with transaction.atomic(), _progress(operation) as progress:
            act(operation, by, progress)
    except (Refused, Unreadable) as error:
        refuse(operation, str(error))


def _plan(operation: Operation, by: Actor, progress: Progress) -> None:
    make_plan(operation, by=by, progress=progress)
    operation.state, operation.expires_at = State.PLANNED, timezone.now() + KEPT
    operation.save()


def make_plan(operation: Operation, *, by: Actor, progress: Progress = quiet) -> None:
    """Plan a saved job for the current state of the office and store its pages. Raises Unreadable."""
    rows: list[int] = []

    def count(some: int) -> None:
        rows.append(some)
        progress(some)

    plan = doing.plan(operation, by=by, progress=count)
    kept.summarize(operation, plan, rows=sum(rows))
    operation.save(update_fields=["sealed_summary", "digest"])
    kept.keep_pages(operation, Page.What.ITEMS, showing.in_order(plan))
    kept.keep_pages(operation, Page.What.FAULTS, plan.faults)
    kept.keep_pages(operation, Page.What.ROWS, doing.faulty_rows(operation, plan))


def _do(operation: Operation, by: Actor, progress: Progress) -> None:
    made, done = doing.do(operation, by=by, planning=progress, progress=progress)
    if done is None:
        refuse(operation, _("The plan now has errors. Create the plan again and review it."))
    else:
        _finish(operation, made, done)


def _finish(operation: Operation, made: Plan, done: Lines) -> None:
    """Store the result and delete the input."""
    now = timezone.now()
    kept.summarize(operation, made, rows=0)
    kept.keep_pages(operation, Page.What.ITEMS, showing.losses_first(done))
    kept.keep_pages(operation, Page.What.FAULTS, made.faults)
    kept.keep_pages(operation, Page.What.ROWS, ())
    operation.state, operation.sealed_input = State.DONE, None
    operation.done_at, operation.expires_at = now, now + KEPT_DONE
    operation.save()


def refuse(operation: Operation, error: str) -> None:
    """Store why nothing was done; the job can be planned again."""
    kept.keep_summary(operation, kept.summary_of(operation) | {"error": error})
    operation.state, operation.expires_at = State.PLANNED, timezone.now() + KEPT
    operation.save(update_fields=["state", "expires_at", "sealed_summary"])


@contextmanager
def _progress(operation: Operation) -> Iterator[Progress]:
    """Give a callback that stores progress.

    It uses its own connection, because the transaction of the job is not committed yet.
    """
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as beside:
        beside.execute("UPDATE bulk_progress SET turns = turns + 1 WHERE operation_id = %s", [operation.pk])
        sql = "UPDATE bulk_progress SET done = done + %s WHERE operation_id = %s"
        yield lambda rows: beside.execute(sql, [rows, operation.pk])
