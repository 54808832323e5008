"""Periodic jobs: a failing job, office or row does not block the others, and is reported."""

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

import audit.chain
import audit.checkpoints
import authentication.actions
import history.checkpoint_emails
import invitations.actions
import notifications.delivery
import outbox.actions
import support.impersonation
from accounts.models import AccountReviewSubscription, Provider, User
from audit.models import Checkpoint, PendingEvent
from authentication.mfa import reminders
from authentication.models import PasswordResetRequest
from core import periodic_jobs
from core.ids import uuid7
from core.models import FailedJobItem, PeriodicJobStatus
from core.periodic_jobs import JobRunner, PeriodicJob
from invitations.models import Invitation
from loket.management.commands import worker as worker_command
from notifications.models import DailyRun
from outbox.models import Message
from outbox.worker import Worker
from support.models import Impersonation
from tests.authentication.test_forgot_password import ask
from tests.core.test_logs import lines as lines
from tests.helpers.database_owner import production_privileges as production_privileges
from tests.helpers.invited_users import invite
from tests.helpers.users import actor, make_user
from tests.monitoring.test_probes import measured as measured
from tests.monitoring.test_probes import metrics
from tests.outbox.test_worker import running, wait_until
from users import dormant_account_emails

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


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_job_that_always_fails_holds_up_none_behind_it() -> None:
    runs: Counter[str] = Counter()
    with running(
        PeriodicJob(failing(runs), every=0.1, name="first"), PeriodicJob(lambda: runs.update(["behind"]), 0.1, "behind")
    ):
        wait_until(lambda: runs["behind"] >= 20)
    assert 1 <= runs["failing"] <= 3, "it is put off longer each time"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_job_that_hangs_holds_up_none_behind_it() -> None:
    runs: Counter[str] = Counter()
    hangs = PeriodicJob(lambda: wait_until(lambda: runs["behind"] >= 5), every=300, name="hangs")
    with running(hangs, PeriodicJob(lambda: runs.update(["behind"]), 0.1, "behind")):
        wait_until(lambda: runs["behind"] >= 5, 10)
    assert runs["behind"] >= 5


@pytest.mark.django_db
def test_failing_job_is_delayed_longer_each_time_up_to_five_minutes() -> None:
    runner = JobRunner(PeriodicJob(failing(Counter()), every=0.5))
    assert [runner.run() for _time in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    hourly = JobRunner(PeriodicJob(failing(Counter()), every=3600))
    assert [hourly.run() for _time in range(8)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


@pytest.mark.django_db
def test_the_log_names_job_and_place_and_no_value(lines: Lines) -> None:
    def cause() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise KeyError(SECRET) from error

    JobRunner(PeriodicJob(cause, every=1, name="the job")).run()
    (line,) = lines()
    assert (line["event"], line["job"], line["error"], line["failures"]) == ("job failed", "the job", "KeyError", 1)
    assert line["correlation_id"]
    assert line["traceback"][-1] == "builtins.ValueError"
    assert "builtins.KeyError" in line["traceback"]
    assert sum(place.startswith("tests/core/test_periodic_jobs.py:") for place in line["traceback"]) == 2
    assert line["traceback"][0].startswith("core/periodic_jobs.py:")
    assert "deboer" not in json.dumps(line)


@pytest.mark.django_db
def test_without_a_database_no_job_is_put_off() -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    def locked() -> None:
        raise OperationalError("canceling statement due to lock timeout") from psycopg.errors.LockNotAvailable()

    runner = JobRunner(PeriodicJob(away, every=1, name="away"))
    for _time in range(3):
        with pytest.raises(OperationalError):
            runner.run()
    assert runner.failures == 0
    assert JobRunner(PeriodicJob(locked, every=1, name="locked")).run() == 1
    assert PeriodicJobStatus.objects.get().failures == 1


@pytest.mark.django_db
def test_an_office_that_fails_holds_up_no_other(clock: time_machine.Traveller, lines: Lines) -> None:
    good, bad, tried, wrong = uuid7(), uuid7(), Counter[UUID](), [True]

    def act(one: UUID) -> int:
        tried[one] += 1
        return 1 // (one != bad or not wrong[0])

    runner = JobRunner(PeriodicJob(lambda: periodic_jobs.process_items(act, [bad, good]), every=1, name="job"))
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
    failed = FailedJobItem.objects.get()
    assert (failed.failures, failed.retry_at - timezone.now()) == (2, timedelta(seconds=10))
    clock.shift(timedelta(hours=2))
    wrong[0] = False
    runner.run()
    assert tried[bad] == 3
    assert not FailedJobItem.objects.exists()


@pytest.mark.django_db
def test_what_did_not_come_again_is_forgotten_and_what_another_worker_has_is_not(clock: time_machine.Traveller) -> None:
    items = [uuid7()]
    outcome: list[int | None] = [0]

    def act(_one: UUID) -> bool | float:
        return False if outcome[0] is None else 1 / outcome[0]

    runner = JobRunner(PeriodicJob(lambda: periodic_jobs.process_items(act, items), every=1, name="job"))
    runner.run()
    clock.shift(timedelta(minutes=1))
    outcome[0] = None
    runner.run()
    assert FailedJobItem.objects.count() == 1
    items.clear()
    runner.run()
    assert not FailedJobItem.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_locked_holds_up_no_office_for_long(office: Provider, monkeypatch: Any) -> None:
    monkeypatch.setattr(periodic_jobs, "LOCK_TIMEOUT_SECONDS", 0.2)
    other = Provider.objects.create(name="Kantoor Smit")
    for provider in (office, other):
        make_user(provider, username=f"u{provider.pk}"[:20])
        authentication.actions.record_failed_sign_in(provider.users.get(), "wrong_password", by=actor())
    first = min(office.pk, other.pk)
    with psycopg.connect(**connection.get_connection_params()) as beside:
        beside.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"history of {first}"])
        released = threading.Timer(10, beside.rollback)  # a job without a limit ends then, and the test with it
        released.start()
        started = time.monotonic()
        JobRunner(PeriodicJob(audit.chain.append_all_pending, every=5)).run()
        released.cancel()
        assert time.monotonic() - started < 5
        assert set(PendingEvent.objects.values_list("provider_id", flat=True)) == {first}
    assert FailedJobItem.objects.get().item == str(first)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",), "the next user of the connection has none"


@pytest.mark.django_db
@pytest.mark.usefixtures("production_privileges")
def test_late_job_is_shown(client: Client, measured: None, clock: time_machine.Traveller, monkeypatch: Any) -> None:
    monkeypatch.setattr(periodic_jobs, "SUCCESS_RECORD_SECONDS", 0.0)  # the clock jumps
    bad = uuid7()
    fails = PeriodicJob(failing(Counter()), every=0.5, name="the job")
    inside = PeriodicJob(lambda: periodic_jobs.process_items(failing_at, [bad]), every=10, name="the other")
    runners = [JobRunner(fails), JobRunner(inside)]
    periodic_jobs.register_jobs([fails, inside])
    for minute in range(7):
        outbox.actions.record_heartbeat(uuid7())
        for runner in runners:
            runner.run()
        clock.shift(timedelta(minutes=1))
        if minute == 0:
            assert client.get("/readyz").status_code == 200, "not yet late"
    outbox.actions.record_heartbeat(uuid7())
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["jobs"] == (
        "the job: not done for 420 seconds, failed 7 times; the other: failing offices or rows: 1, for 420 seconds"
    )
    with pytest.raises(CommandError, match=r"Unhealthy: jobs, clock\."):
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
@pytest.mark.usefixtures("production_privileges")
def test_the_doctor_names_the_row(capsys: pytest.CaptureFixture[str]) -> None:
    outbox.actions.record_heartbeat(uuid7())
    bad = uuid7()
    JobRunner(PeriodicJob(lambda: periodic_jobs.process_items(failing_at, [bad]), every=10, name="job")).run()
    call_command("doctor")
    said = capsys.readouterr().out
    assert f"  job, {bad}: ValueError\n    failures: 1, since 2" in said
    assert "jobs: ok" in said
    assert "deboer" not in said


@pytest.mark.django_db
def test_a_job_that_began_and_never_ended_is_late(clock: time_machine.Traveller) -> None:
    periodic_jobs.register_jobs([PeriodicJob(failing(Counter()), every=10, name="hangs")])
    clock.shift(timedelta(seconds=200))
    assert periodic_jobs.describe_late_jobs() == {"hangs": "not done for 200 seconds"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_jobs_of_another_release_are_forgotten() -> None:
    PeriodicJobStatus.objects.create(name="gone", every=1, since=timezone.now())
    FailedJobItem.objects.create(
        job="gone", item="x", failures=1, since=timezone.now(), retry_at=timezone.now(), error=""
    )
    found = Worker([PeriodicJob(lambda: None, every=1, name="job")])
    found.start()
    try:
        wait_until(lambda: set(PeriodicJobStatus.objects.values_list("name", flat=True)) == {"heartbeat", "job"})
    finally:
        found.stop()
    assert not FailedJobItem.objects.exists()


@pytest.mark.django_db
def test_once_does_what_it_can_and_says_what_failed(monkeypatch: Any, alice: User) -> None:
    runs: Counter[str] = Counter()
    jobs = (
        PeriodicJob(failing(runs), every=1, name="first"),
        PeriodicJob(lambda: runs.update(["behind"]), 1, "behind"),
    )
    monkeypatch.setattr(worker_command, "discover_jobs", lambda: jobs)
    with pytest.raises(CommandError, match=r"These jobs failed: first\."):
        call_command("worker", "--once")
    assert runs == {"failing": 1, "behind": 1}


# Each job of the product, with a row that fails first.


@pytest.mark.django_db
def test_of_the_product_password_links(client: Client, alice: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(authentication.actions, "_BATCH_SIZE", 2)
    bad = [PasswordResetRequest.objects.create(encrypted_email=b"").pk for _number in range(3)]
    ask(client)
    real = authentication.actions.encryption.decrypt

    def decrypt(encrypted: bytes, *, context: str) -> bytes:
        if any(str(pk) in context for pk in bad):
            raise ValueError(SECRET)
        return real(encrypted, context=context)

    monkeypatch.setattr(authentication.actions.encryption, "decrypt", decrypt)
    runner = JobRunner(PeriodicJob(authentication.actions.process_reset_requests, every=0.5))
    for _turn in range(2):
        runner.run()
    assert Message.objects.filter(kind="password_link").count() == 1
    assert PasswordResetRequest.objects.count() == FailedJobItem.objects.count() == 3


@pytest.mark.django_db
def test_of_the_product_chain_and_checkpoints(alice: User, charlie: User, monkeypatch: Any) -> None:
    for user in (alice, charlie):
        authentication.actions.record_failed_sign_in(user, "wrong_password", by=actor())
    bad = min(alice.office.pk, charlie.office.pk)
    real_head = audit.chain.get_chain_head

    def head(provider_id: UUID | None) -> Any:
        if provider_id == bad:
            raise ValueError(SECRET)
        return real_head(provider_id)

    monkeypatch.setattr(audit.chain, "get_chain_head", head)
    JobRunner(PeriodicJob(audit.chain.append_all_pending, every=5)).run()
    JobRunner(PeriodicJob(history.checkpoint_emails.sign_due_checkpoints, every=5)).run()
    assert set(PendingEvent.objects.values_list("provider_id", flat=True)) == {bad}
    assert set(Checkpoint.objects.values_list("provider_id", flat=True)) == {alice.provider_id, charlie.provider_id} - {
        bad
    }


@pytest.mark.django_db
def test_of_the_product_invitations(alice: User, monkeypatch: Any) -> None:
    for email in ("p@devries.example", "q@devries.example"):
        invite(alice, email=email)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    bad = Invitation.objects.order_by("expires_at", "pk").first()
    real = invitations.actions.close_invitation

    def close(invitation: Invitation, state: Any) -> None:
        if invitation == bad:
            raise ValueError(SECRET)
        real(invitation, state)

    monkeypatch.setattr(invitations.actions, "close_invitation", close)
    JobRunner(PeriodicJob(invitations.actions.expire_due_invitations, every=60)).run()
    assert set(Invitation.objects.filter(state="open")) == {bad}


@pytest.mark.django_db
def test_of_the_product_the_day_of_an_office(alice: User, charlie: User, monkeypatch: Any) -> None:
    today = timezone.localdate()
    for user in (alice, charlie):
        DailyRun.objects.update_or_create(provider=user.provider, defaults={"due_on": today})
    bad = DailyRun.objects.order_by("due_on", "provider").first().pk
    real = notifications.delivery.create_notifications

    def show(provider_id: UUID, **more: Any) -> int:
        if provider_id == bad:
            raise ValueError(SECRET)
        return real(provider_id, **more)

    monkeypatch.setattr(notifications.delivery, "create_notifications", show)
    JobRunner(PeriodicJob(notifications.delivery.run_daily, every=1)).run()
    assert set(DailyRun.objects.filter(due_on=today).values_list("pk", flat=True)) == {bad}


@pytest.mark.django_db
def test_of_the_product_dormant_accounts(alice: User, charlie: User, monkeypatch: Any) -> None:
    today = timezone.localdate()
    for user in (alice, charlie):
        AccountReviewSubscription.objects.create(
            user=user, provider=user.provider, days=1, password_days=1, due_on=today
        )
    bad = AccountReviewSubscription.objects.order_by("due_on", "user").first().pk
    real = dormant_account_emails.get_thresholds

    def measures_of(wish: AccountReviewSubscription) -> Any:
        if wish.pk == bad:
            raise ValueError(SECRET)
        return real(wish)

    monkeypatch.setattr(dormant_account_emails, "get_thresholds", measures_of)
    JobRunner(PeriodicJob(dormant_account_emails.send_due_emails, every=10)).run()
    assert set(AccountReviewSubscription.objects.filter(due_on=today).values_list("pk", flat=True)) == {bad}


@pytest.mark.django_db
def test_of_the_product_impersonations(monkeypatch: Any) -> None:
    looks, ended = [Impersonation(), Impersonation()], []

    def end(look: Impersonation, *, by: Any) -> bool:
        if look is looks[0]:
            raise ValueError(SECRET)
        ended.append(look)
        return True

    monkeypatch.setattr(support.impersonation, "end_impersonation", end)
    monkeypatch.setattr(support.impersonation.Impersonation.objects, "begun", lambda: looks)
    monkeypatch.setattr(Impersonation, "is_ongoing", lambda look: False)
    JobRunner(PeriodicJob(support.impersonation.end_expired_impersonations, every=10)).run()
    assert ended == looks[1:]


@pytest.mark.django_db
def test_of_the_product_reminders_and_cleaning(office: Provider, monkeypatch: Any) -> None:
    users = [make_user(office, username=f"u{number}") for number in range(3)]
    office.two_factor_from = timezone.localdate() + timedelta(days=7)
    office.save()
    bad, told = min(user.pk for user in users), []

    def duty_ahead(_template: str, user: User, **_options: Any) -> None:
        if user.pk == bad:
            raise ValueError(SECRET)
        told.append(user.pk)

    monkeypatch.setattr(reminders.emails, "send", duty_ahead)
    JobRunner(PeriodicJob(reminders.send_due_reminders, every=3600)).run()
    assert set(told) == {user.pk for user in users} - {bad}

    def clean() -> None:
        raise ValueError(SECRET)

    cleared: list[bool] = []
    monkeypatch.setattr(reminders, "delete_past_reminders", clean)
    monkeypatch.setattr(authentication.actions.SessionStore, "clear_expired", lambda: cleared.append(True))
    JobRunner(PeriodicJob(authentication.actions.delete_expired_data, every=3600)).run()
    assert cleared == [True]
