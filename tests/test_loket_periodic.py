"""Periodic jobs: what fails, be it a job or an office or row inside it, holds up nothing else, and is seen."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

import accounts.checkpoints
import audit.chain
import audit.checkpoints
import invitations.actions
import notifications.delivery
import outbox.actions
import signin.actions
import support.looking
from accounts import hygiene_mails
from accounts.models import HygieneMail, Provider, User
from audit.models import Checkpoint, Waiting
from invitations.models import Invitation
from loket import periodic
from loket.ids import uuid7
from loket.periodic import Job, Runner
from notifications.models import OfficeDay
from outbox.management.commands import worker as worker_command
from outbox.models import FailedItem, JobState, Message
from outbox.worker import Worker
from signin.factors import reminders
from signin.models import ResetRequest
from support.models import Look
from tests.invited import invite
from tests.people import actor, make_user
from tests.test_loket_logs import lines as lines
from tests.test_loket_probes import measured as measured
from tests.test_loket_probes import metrics
from tests.test_outbox_worker import running, wait_until
from tests.test_signin_forgotten import ask

Lines = Callable[[], list[dict[str, Any]]]
SECRET = "p.deboer@devries.example"


def failing(runs: Counter[str]) -> Callable[[], None]:
    def fail() -> None:
        runs["failing"] += 1
        raise ValueError(SECRET)

    return fail


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as traveller:
        yield traveller


@pytest.mark.django_db(transaction=True)
def test_a_job_that_always_fails_holds_up_none_behind_it() -> None:
    runs: Counter[str] = Counter()
    with running(Job(failing(runs), every=0.1, name="first"), Job(lambda: runs.update(["behind"]), 0.1, "behind")):
        wait_until(lambda: runs["behind"] >= 20)
    assert 1 <= runs["failing"] <= 3, "it is put off longer each time"


@pytest.mark.django_db(transaction=True)
def test_a_job_that_hangs_holds_up_none_behind_it() -> None:
    runs: Counter[str] = Counter()
    hangs = Job(lambda: wait_until(lambda: runs["behind"] >= 5), every=300, name="hangs")
    with running(hangs, Job(lambda: runs.update(["behind"]), 0.1, "behind")):
        wait_until(lambda: runs["behind"] >= 5, 10)
    assert runs["behind"] >= 5


@pytest.mark.django_db
def test_it_is_put_off_longer_each_time_and_no_more_than_five_minutes() -> None:
    runner = Runner(Job(failing(Counter()), every=0.5))
    assert [runner.run() for _time in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    hourly = Runner(Job(failing(Counter()), every=3600))
    assert [hourly.run() for _time in range(8)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


@pytest.mark.django_db
def test_the_log_names_job_and_place_and_no_value(lines: Lines) -> None:
    def cause() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise KeyError(SECRET) from error

    Runner(Job(cause, every=1, name="the job")).run()
    (line,) = lines()
    assert (line["event"], line["job"], line["error"], line["failures"]) == ("job failed", "the job", "KeyError", 1)
    assert line["correlation_id"]
    assert line["traceback"][-1] == "ValueError"
    assert "KeyError" in line["traceback"]
    assert sum(place.startswith("tests/test_loket_periodic.py:") for place in line["traceback"]) == 2
    assert line["traceback"][0].startswith("loket/periodic.py:")
    assert "deboer" not in json.dumps(line)


@pytest.mark.django_db
def test_without_a_database_no_job_is_put_off() -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    def locked() -> None:
        raise OperationalError("canceling statement due to lock timeout") from psycopg.errors.LockNotAvailable()

    runner = Runner(Job(away, every=1, name="away"))
    for _time in range(3):
        with pytest.raises(OperationalError):
            runner.run()
    assert runner.failures == 0
    assert Runner(Job(locked, every=1, name="locked")).run() == 1
    assert JobState.objects.get().failures == 1


@pytest.mark.django_db
def test_an_office_that_fails_holds_up_no_other(clock: time_machine.Traveller, lines: Lines) -> None:
    good, bad, tried, wrong = uuid7(), uuid7(), Counter[UUID](), [True]

    def act(one: UUID) -> int:
        tried[one] += 1
        return 1 // (one != bad or not wrong[0])

    runner = Runner(Job(lambda: periodic.each(act, [bad, good]), every=1, name="job"))
    assert runner.run() == 1
    assert tried == {bad: 1, good: 1}
    (line,) = lines()
    assert (line["event"], line["job"], line["item"]) == ("job failed", "job", str(bad))
    assert line["error"] == "ZeroDivisionError"
    clock.shift(timedelta(seconds=4))
    runner.run()
    assert tried == {bad: 1, good: 2}
    clock.shift(timedelta(seconds=2))
    runner.run()
    assert tried[bad] == 2
    failed = FailedItem.objects.get()
    assert (failed.failures, failed.retry_at - timezone.now()) == (2, timedelta(seconds=10))
    clock.shift(timedelta(hours=2))
    wrong[0] = False
    runner.run()
    assert tried[bad] == 3
    assert not FailedItem.objects.exists()


@pytest.mark.django_db
def test_what_did_not_come_again_is_forgotten_and_what_another_worker_has_is_not(clock: time_machine.Traveller) -> None:
    items, outcome = [uuid7()], [0]

    def act(_one: UUID) -> bool | float:
        return False if outcome[0] is None else 1 / outcome[0]

    runner = Runner(Job(lambda: periodic.each(act, items), every=1, name="job"))
    runner.run()
    clock.shift(timedelta(minutes=1))
    outcome[0] = None
    runner.run()
    assert FailedItem.objects.count() == 1
    items.clear()
    runner.run()
    assert not FailedItem.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_locked_holds_up_no_office_for_long(office: Provider, monkeypatch: Any) -> None:
    monkeypatch.setattr(periodic, "LOCK_SECONDS", 0.2)
    other = Provider.objects.create(name="Kantoor Smit")
    for provider in (office, other):
        make_user(provider, username=f"u{provider.pk}"[:20])
        signin.actions.record_refusal(provider.users.get(), "wrong_password", by=actor())
    first = min(office.pk, other.pk)
    with psycopg.connect(**connection.get_connection_params()) as beside:
        beside.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"history of {first}"])
        released = threading.Timer(10, beside.rollback)  # a job without a limit ends then, and the test with it
        released.start()
        started = time.monotonic()
        Runner(Job(audit.chain.lengthen_all, every=5)).run()
        released.cancel()
        assert time.monotonic() - started < 5
        assert set(Waiting.objects.values_list("provider_id", flat=True)) == {first}
    assert FailedItem.objects.get().item == str(first)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",), "the next user of the connection has none"


@pytest.mark.django_db
def test_it_is_shown_when_it_is_late(
    client: Client, measured: None, clock: time_machine.Traveller, monkeypatch: Any
) -> None:
    monkeypatch.setattr(periodic, "NOTED", 0.0)  # the clock moves by leaps
    bad = uuid7()
    fails = Job(failing(Counter()), every=0.5, name="the job")
    inside = Job(lambda: periodic.each(failing_at, [bad]), every=10, name="the other")
    runners = [Runner(fails), Runner(inside)]
    periodic.register([fails, inside])
    for minute in range(7):
        outbox.actions.beat(uuid7())
        for runner in runners:
            runner.run()
        clock.shift(timedelta(minutes=1))
        if minute == 0:
            assert client.get("/readyz").status_code == 200, "not yet late"
    outbox.actions.beat(uuid7())
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["jobs"] == (
        "the job: not done for 420 seconds, failed 7 times; the other: failing offices or rows: 1, for 420 seconds"
    )
    with pytest.raises(CommandError, match=r"Not right: jobs\."):
        call_command("doctor")
    found = metrics(client)
    assert found['loket_job_undone_seconds{job="the job"}'] == 420
    assert found['loket_job_undone_seconds{job="the other"}'] == 60
    assert found['loket_job_failures_total{job="the job"}'] == 7
    assert found['loket_job_failures_total{job="the other"}'] >= 4
    assert found['loket_job_failing_items{job="the other"}'] == 1
    assert found['loket_job_failing_items{job="the job"}'] == 0


def failing_at(_item: UUID) -> None:
    raise ValueError(SECRET)


@pytest.mark.django_db
def test_the_doctor_names_the_row(capsys: pytest.CaptureFixture[str]) -> None:
    outbox.actions.beat(uuid7())
    bad = uuid7()
    Runner(Job(lambda: periodic.each(failing_at, [bad]), every=10, name="job")).run()
    call_command("doctor")
    said = capsys.readouterr().out
    assert f"job fails at {bad}: ValueError, 1 times" in said
    assert "jobs: ok" in said
    assert "deboer" not in said


@pytest.mark.django_db
def test_a_job_that_began_and_never_ended_is_late(clock: time_machine.Traveller) -> None:
    periodic.register([Job(failing(Counter()), every=10, name="hangs")])
    clock.shift(timedelta(seconds=200))
    assert periodic.late() == {"hangs": "not done for 200 seconds"}


@pytest.mark.django_db(transaction=True)
def test_jobs_of_another_release_are_forgotten() -> None:
    JobState.objects.create(name="gone", every=1, since=timezone.now())
    FailedItem.objects.create(job="gone", item="x", failures=1, since=timezone.now(), retry_at=timezone.now(), error="")
    found = Worker([Job(lambda: None, every=1, name="job")])
    found.start()
    try:
        wait_until(lambda: set(JobState.objects.values_list("name", flat=True)) == {"heartbeat", "job"})
    finally:
        found.stop()
    assert not FailedItem.objects.exists()


@pytest.mark.django_db
def test_once_does_what_it_can_and_says_what_failed(monkeypatch: Any, alice: User) -> None:
    runs: Counter[str] = Counter()
    jobs = (Job(failing(runs), every=1, name="first"), Job(lambda: runs.update(["behind"]), 1, "behind"))
    monkeypatch.setattr(worker_command, "JOBS", jobs)
    with pytest.raises(CommandError, match="Failed, see the log: first"):
        call_command("worker", "--once")
    assert runs == {"failing": 1, "behind": 1}


# Each job of the product, with a row that fails in its first place.


@pytest.mark.django_db
def test_of_the_product_password_links(client: Client, alice: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(signin.actions, "_BATCH", 2)
    bad = [ResetRequest.objects.create(sealed_email=b"").pk for _number in range(3)]
    ask(client)
    real = signin.actions.sealing.unseal

    def unseal(sealed: bytes, *, context: str) -> bytes:
        if any(str(pk) in context for pk in bad):
            raise ValueError(SECRET)
        return real(sealed, context=context)

    monkeypatch.setattr(signin.actions.sealing, "unseal", unseal)
    runner = Runner(Job(signin.actions.expand_reset_requests, every=0.5))
    for _turn in range(2):
        runner.run()
    assert Message.objects.filter(kind="password_link").count() == 1
    assert ResetRequest.objects.count() == FailedItem.objects.count() == 3


@pytest.mark.django_db
def test_of_the_product_chain_and_checkpoints(alice: User, charlie: User, monkeypatch: Any) -> None:
    for user in (alice, charlie):
        signin.actions.record_refusal(user, "wrong_password", by=actor())
    bad = min(alice.provider_id, charlie.provider_id)
    real_head = audit.chain.head

    def head(provider_id: UUID | None) -> Any:
        if provider_id == bad:
            raise ValueError(SECRET)
        return real_head(provider_id)

    monkeypatch.setattr(audit.chain, "head", head)
    Runner(Job(audit.chain.lengthen_all, every=5)).run()
    Runner(Job(accounts.checkpoints.keep_all, every=5)).run()
    assert set(Waiting.objects.values_list("provider_id", flat=True)) == {bad}
    assert set(Checkpoint.objects.values_list("provider_id", flat=True)) == {alice.provider_id, charlie.provider_id} - {
        bad
    }


@pytest.mark.django_db
def test_of_the_product_invitations(alice: User, monkeypatch: Any) -> None:
    for email in ("p@devries.example", "q@devries.example"):
        invite(alice, email=email)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    bad = Invitation.objects.order_by("expires_at", "pk").first()
    real = invitations.actions.close

    def close(invitation: Invitation, state: Any) -> None:
        if invitation == bad:
            raise ValueError(SECRET)
        real(invitation, state)

    monkeypatch.setattr(invitations.actions, "close", close)
    Runner(Job(invitations.actions.expire_due, every=60)).run()
    assert set(Invitation.objects.filter(state="open")) == {bad}


@pytest.mark.django_db
def test_of_the_product_the_day_of_an_office(alice: User, charlie: User, monkeypatch: Any) -> None:
    today = timezone.localdate()
    for user in (alice, charlie):
        OfficeDay.objects.update_or_create(provider=user.provider, defaults={"due_on": today})
    bad = OfficeDay.objects.order_by("due_on", "provider").first().pk
    real = notifications.delivery.show

    def show(provider_id: UUID, **more: Any) -> int:
        if provider_id == bad:
            raise ValueError(SECRET)
        return real(provider_id, **more)

    monkeypatch.setattr(notifications.delivery, "show", show)
    Runner(Job(notifications.delivery.run_day, every=1)).run()
    assert set(OfficeDay.objects.filter(due_on=today).values_list("pk", flat=True)) == {bad}


@pytest.mark.django_db
def test_of_the_product_dormant_accounts(alice: User, charlie: User, monkeypatch: Any) -> None:
    today = timezone.localdate()
    for user in (alice, charlie):
        HygieneMail.objects.create(user=user, provider=user.provider, days=1, password_days=1, due_on=today)
    bad = HygieneMail.objects.order_by("due_on", "user").first().pk
    real = hygiene_mails.measures_of

    def measures_of(wish: HygieneMail) -> Any:
        if wish.pk == bad:
            raise ValueError(SECRET)
        return real(wish)

    monkeypatch.setattr(hygiene_mails, "measures_of", measures_of)
    Runner(Job(hygiene_mails.send_due, every=10)).run()
    assert set(HygieneMail.objects.filter(due_on=today).values_list("pk", flat=True)) == {bad}


@pytest.mark.django_db
def test_of_the_product_impersonations(monkeypatch: Any) -> None:
    looks, ended = [Look(), Look()], []

    def end(look: Look, *, by: Any) -> bool:
        if look is looks[0]:
            raise ValueError(SECRET)
        ended.append(look)
        return True

    monkeypatch.setattr(support.looking, "end", end)
    monkeypatch.setattr(support.looking.Look.objects, "begun", lambda: looks)
    monkeypatch.setattr(Look, "goes_on", lambda look: False)
    Runner(Job(support.looking.end_over, every=10)).run()
    assert ended == looks[1:]


@pytest.mark.django_db
def test_of_the_product_reminders_and_cleaning(office: Provider, monkeypatch: Any) -> None:
    users = [make_user(office, username=f"u{number}") for number in range(3)]
    office.two_factor_from = timezone.localdate() + timedelta(days=7)
    office.save()
    bad, told = min(user.pk for user in users), []

    def duty_ahead(user: User, _due: Any) -> None:
        if user.pk == bad:
            raise ValueError(SECRET)
        told.append(user.pk)

    monkeypatch.setattr(reminders.letters, "duty_ahead", duty_ahead)
    Runner(Job(reminders.send_due, every=3600)).run()
    assert set(told) == {user.pk for user in users} - {bad}

    def clean() -> None:
        raise ValueError(SECRET)

    cleared: list[bool] = []
    monkeypatch.setattr(reminders, "clean", clean)
    monkeypatch.setattr(signin.actions.SessionStore, "clear_expired", lambda: cleared.append(True))
    Runner(Job(signin.actions.clean, every=3600)).run()
    assert cleared == [True]
