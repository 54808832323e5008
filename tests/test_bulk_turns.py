"""Whose turn it is at the worker: offices by turns, one thing of an office at a time, and what takes long apart."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from audit.models import Event
from bulk import operations, running, turns
from bulk.models import Operation, Progress
from bulk.turns import Lane, OutOfTime
from tests.importing import SERVICE, file_of
from tests.kinds import confirmed
from tests.people import actor

pytestmark = pytest.mark.django_db


def keep(user: User, number: int = 1) -> Operation:
    """Send a file in."""
    content = file_of(SERVICE | {"username": f"dienst {number}"}).getvalue()
    return operations.keep_file(user, content, name=f"{user.username} {number}", invite=False, by=actor(user))


def quick(seconds: float = 30.0) -> Lane:
    return Lane(is_long=False, seconds=seconds)


def long(seconds: float = 30.0) -> Lane:
    return Lane(is_long=True, seconds=seconds)


def order(lane: Lane, monkeypatch: Any) -> list[str]:
    """Return whose turns there are in a lane, in order."""
    had: list[str] = []

    def run(operation: Operation) -> None:
        had.append(operation.name)
        Operation.objects.filter(pk=operation.pk).update(state=Operation.State.PLANNED)

    monkeypatch.setattr(running, "_run", run)
    while running.run_one(lane):
        pass
    return had


def test_offices_have_their_turns_one_after_the_other(
    office: Provider, alice: User, charlie: User, monkeypatch: Any
) -> None:
    for number in range(1, 4):
        keep(alice, number)
    keep(charlie, 1)
    keep(charlie, 2)
    assert order(quick(), monkeypatch) == ["alice 1", "charlie 1", "alice 2", "charlie 2", "alice 3"]


def loops(*_args: object, **_options: object) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        pass
    raise AssertionError("it was not stopped")


def test_what_is_not_done_in_time_is_undone_and_has_its_turn_among_what_is_long(
    office: Provider, alice: User, monkeypatch: Any
) -> None:
    plan, events = keep(alice), Event.objects.count()
    lane = quick(0.2)
    with monkeypatch.context() as patch:
        patch.setattr(running.doing, "plan", loops)
        started = time.monotonic()
        assert running.run_one(lane)
        assert time.monotonic() - started < 5
    assert Progress.objects.get(operation=plan).is_long
    assert (Event.objects.count(), plan.pages.count()) == (events, 0)
    assert not running.run_one(lane)
    assert running.run_one(long())
    plan.refresh_from_db()
    assert plan.is_planned
    assert plan.pages.exists()


def test_what_is_not_done_in_a_long_time_is_refused(office: Provider, alice: User, monkeypatch: Any) -> None:
    client, plan = confirmed(alice), keep(alice)
    Progress.objects.update(is_long=True)
    monkeypatch.setattr(running.doing, "plan", loops)
    assert running.run_one(long(0.2))
    plan.refresh_from_db()
    assert plan.is_planned
    assert "Dit duurt te lang" in page(client, plan)


def page(client: Client, plan: Operation) -> str:
    return client.get(reverse("bulk:plan", args=[plan.pk])).text


def test_nothing_that_handles_errors_keeps_a_turn_from_ending() -> None:
    def stubborn() -> None:
        try:
            loops()
        except Exception:
            loops()

    with pytest.raises(OutOfTime), turns.within(0.1):
        stubborn()


def test_what_killed_the_worker_three_times_is_not_tried_again(office: Provider, alice: User) -> None:
    client, plan = confirmed(alice), keep(alice)
    Progress.objects.update(turns=running.MAX_TURNS)
    assert running.run_one(quick())
    assert "3 keer gestopt" in page(client, plan)
    assert not running.run_one(quick())
    client.post(reverse("bulk:plan_again", args=[plan.pk]))
    assert Progress.objects.get(operation=plan).turns == 0


def test_a_large_file_does_not_try_a_quick_turn(office: Provider, alice: User) -> None:
    operations.keep_file(alice, b"a;b\n" * 100_000, name="x", invite=False, by=actor(alice))
    assert running.waiting_lanes() == {True}


@contextmanager
def at_work(lane: Lane) -> Any:
    """Be a worker that is at something."""
    with transaction.atomic():
        yield turns.take(lane)
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_one_thing_of_an_office_is_done_at_a_time(office: Provider, alice: User, charlie: User) -> None:
    first, second, other = keep(alice, 1), keep(alice, 2), keep(charlie, 1)
    Progress.objects.filter(operation=first).update(is_long=True)

    def take(lane: Lane) -> Any:
        try:
            with at_work(lane) as taken:
                return taken and taken.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, at_work(long()) as taken:
        assert taken.pk == first.pk
        assert pool.submit(take, long()).result() is None
        assert pool.submit(take, quick()).result() == other.pk, "not the second one of the office that is busy"
    assert take(quick()) == second.pk


@pytest.mark.django_db(transaction=True)
def test_each_turn_is_counted_even_if_it_is_killed(office: Provider, alice: User, monkeypatch: Any) -> None:
    plan = keep(alice)

    def dies(*_args: object, **_options: object) -> None:
        raise SystemExit

    monkeypatch.setattr(running.doing, "plan", dies)
    with pytest.raises(SystemExit):
        running.run_one(quick())
    assert Progress.objects.get(operation=plan).turns == 1
    assert running.waiting_lanes() == {False}
