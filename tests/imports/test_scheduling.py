"""Scheduling in the worker: offices take turns, one job per office at a time, and long jobs separately."""

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
from imports import actions, runner, scheduling
from imports.models import ImportJob, ImportJobProgress
from imports.scheduling import JobQueue, JobTimeout
from tests.helpers.import_files import SERVICE, file_of
from tests.helpers.login_methods import confirmed
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db


def keep(user: User, number: int = 1) -> ImportJob:
    """Upload a file."""
    content = file_of(SERVICE | {"username": f"dienst {number}"}).getvalue()
    return actions.create_user_import(user, content, name=f"{user.username} {number}", invite=False, by=actor(user))


def quick(seconds: float = 30.0) -> JobQueue:
    return JobQueue(is_long=False, seconds=seconds)


def long(seconds: float = 30.0) -> JobQueue:
    return JobQueue(is_long=True, seconds=seconds)


def order(queue: JobQueue, monkeypatch: Any) -> list[str]:
    """Return the offices of a queue in the order of their turns."""
    had: list[str] = []

    def run(job: ImportJob) -> None:
        had.append(job.name)
        ImportJob.objects.filter(pk=job.pk).update(state=ImportJob.State.PLANNED)

    monkeypatch.setattr(runner, "_run_job", run)
    while runner.run_next_job(queue):
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
    queue = quick(0.2)
    with monkeypatch.context() as patch:
        patch.setattr(runner.job_plans, "plan_job", loops)
        started = time.monotonic()
        assert runner.run_next_job(queue)
        assert time.monotonic() - started < 5
    assert ImportJobProgress.objects.get(operation=plan).is_long
    assert (Event.objects.count(), plan.pages.count()) == (events, 0)
    assert not runner.run_next_job(queue)
    assert runner.run_next_job(long())
    plan.refresh_from_db()
    assert plan.is_planned
    assert plan.pages.exists()


@pytest.mark.slow
def test_what_is_not_done_in_a_long_time_is_refused(office: Provider, alice: User, monkeypatch: Any) -> None:
    client, plan = confirmed(alice), keep(alice)
    ImportJobProgress.objects.update(is_long=True)
    monkeypatch.setattr(runner.job_plans, "plan_job", loops)
    assert runner.run_next_job(long(0.2))
    plan.refresh_from_db()
    assert plan.is_planned
    assert "Dit duurt te lang" in page(client, plan)


def page(client: Client, plan: ImportJob) -> str:
    return client.get(reverse("imports:plan", args=[plan.pk])).text


def test_nothing_that_handles_errors_keeps_a_turn_from_ending() -> None:
    def stubborn() -> None:
        try:
            loops()
        except Exception:
            loops()

    with pytest.raises(JobTimeout), scheduling.limit_duration(0.1):
        stubborn()


def test_what_killed_the_worker_three_times_is_not_tried_again(office: Provider, alice: User) -> None:
    client, plan = confirmed(alice), keep(alice)
    ImportJobProgress.objects.update(turns=runner.MAX_ATTEMPTS)
    assert runner.run_next_job(quick())
    assert "3 keer gestopt" in page(client, plan)
    assert not runner.run_next_job(quick())
    client.post(reverse("imports:replan", args=[plan.pk]))
    assert ImportJobProgress.objects.get(operation=plan).turns == 0


def test_a_large_file_does_not_try_a_quick_turn(office: Provider, alice: User) -> None:
    actions.create_user_import(alice, b"a;b\n" * 100_000, name="x", invite=False, by=actor(alice))
    assert runner.list_waiting_queues() == {True}


@contextmanager
def at_work(queue: JobQueue) -> Any:
    """Simulate a busy worker."""
    with transaction.atomic():
        yield scheduling.claim_job(queue)
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_one_thing_of_an_office_is_done_at_a_time(office: Provider, alice: User, charlie: User) -> None:
    first, second, other = keep(alice, 1), keep(alice, 2), keep(charlie, 1)
    ImportJobProgress.objects.filter(operation=first).update(is_long=True)

    def take(queue: JobQueue) -> Any:
        try:
            with at_work(queue) as taken:
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

    monkeypatch.setattr(runner.job_plans, "plan_job", dies)
    with pytest.raises(SystemExit):
        runner.run_next_job(quick())
    assert ImportJobProgress.objects.get(operation=plan).turns == 1
    assert runner.list_waiting_queues() == {False}
