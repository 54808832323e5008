"""The e-mail about notifications: one per user and day, never lost or doubled, whatever dies or runs at once."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone

import notifications.actions
import notifications.delivery
from accounts.models import Provider, User
from audit.models import Event, Verb
from notifications.catalog import NotificationType
from notifications.models import DailyRun, Notification, NotificationEvent
from outbox.models import Message
from permissions.models import Employer, TeamMember
from tests.helpers.notification_events import days_pass, employer_of, make_team_at_employer, raised, shown, wants
from tests.helpers.users import actor, letter, make_user
from tests.permissions.test_escalation import together

TYPE, OTHER = NotificationType.APPRAISAL, NotificationType.PROBATION_END


@pytest.fixture
def bakery(office: Provider) -> Employer:
    wants(office, TYPE, mail=True)
    return employer_of(office)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel("2027-01-11T11:00Z", tick=False) as moved:
        yield moved


def mails(user: User) -> list[str]:
    """Return the texts of the notification e-mails to a user, oldest first."""
    return [letter(message) for message in Message.objects.filter(user_id=user.pk, kind="signals").order_by("id")]


@pytest.mark.django_db
def test_one_mail_has_all_of_the_day(clock: Any, bakery: Employer, alice: User, bob: User) -> None:
    wants(bakery.provider, TYPE, alice, mail=False)
    make_team_at_employer(bakery, alice, bob)
    raised(bakery, days=2, text="P. de Boer")
    raised(bakery, days=1)
    raised(bakery, OTHER, text="niet per mail")
    assert not mails(bob), "the mail goes with the worker"
    notifications.delivery.run_daily()
    notifications.delivery.run_daily()
    (text,) = mails(bob)
    assert text.index("12 januari 2027, Bakkerij 1: Beoordeling\n") < text.index("13 januari 2027")
    assert "- 13 januari 2027, Bakkerij 1: Beoordeling: P. de Boer\n" in text
    assert "niet per mail" not in text
    assert "http://localhost:8000/signalen/" in text
    assert not mails(alice)
    message = Message.objects.get(user_id=bob.pk)
    assert (message.recipient, message.provider_id) == (bob.email, bakery.provider_id)


@pytest.mark.django_db
def test_what_comes_after_the_mail_of_a_day_goes_with_that_of_the_next(clock: Any, bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    raised(bakery, text="een")
    notifications.delivery.run_daily()
    raised(bakery, text="twee")
    raised(bakery, text="drie")
    notifications.delivery.run_daily()
    assert len(mails(bob)) == 1
    days_pass(clock, 1)
    first, second = mails(bob)
    assert (": een" in first, ": twee" in first) == (True, False)
    assert (": een" in second, ": twee" in second, ": drie" in second) == (False, True, True)
    days_pass(clock, 5)
    assert len(mails(bob)) == 2


@pytest.mark.django_db
def test_who_read_it_or_cannot_see_it_any_more_gets_no_mail(clock: Any, bakery: Employer, alice: User) -> None:
    office = bakery.provider
    reader, gone, blocked = (make_user(office, username=name) for name in ("reader", "gone", "blocked"))
    make_team_at_employer(bakery, alice, reader, gone, blocked)
    event = raised(bakery)
    notifications.actions.mark_notification_read(event.notices.get(user=reader), by=actor(reader))
    TeamMember.objects.filter(user=gone).delete()
    User.objects.filter(pk=blocked.pk).update(blocked_at=timezone.now())
    notifications.delivery.run_daily()
    assert set(Message.objects.filter(kind="signals").values_list("user_id", flat=True)) == {alice.pk}
    User.objects.update(blocked_at=None)
    days_pass(clock, 3)
    assert Message.objects.filter(kind="signals").count() == 1, "it is not made up for later"


@pytest.mark.django_db
def test_many_signals_are_counted(clock: Any, bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    for number in range(30):
        raised(bakery, reference=str(number))
    notifications.delivery.run_daily()
    (text,) = mails(bob)
    assert text.count("Beoordeling") == 25
    assert "en nog 5" in text
    assert Notification.objects.filter(mailed_on=None).count() == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_do_each_office_once(bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    raised(bakery)
    for number in range(10):
        other = Provider.objects.create(name=f"Kantoor {number}", established_at=timezone.now())
        wants(other, TYPE, mail=True)
        employer = employer_of(other)
        make_team_at_employer(employer, make_user(other, username=f"{number}"))
        raised(employer)
    Notification.objects.all().delete()  # as if raised for a later day

    def work() -> int:
        done = total = notifications.delivery.run_daily()
        while done:
            done = notifications.delivery.run_daily()
            total += done
        return total

    done = together(*[work] * 4)
    assert sum(done) == 11, done
    assert Notification.objects.count() == Message.objects.filter(kind="signals").count() == 11


@pytest.mark.django_db(transaction=True)
def test_the_same_signal_raised_at_the_same_moment_is_one(bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    results = together(*[lambda: raised(bakery, text="30 jaar").pk] * 4)
    assert len(set(results)) == 1, results
    assert (NotificationEvent.objects.count(), Notification.objects.count(), DailyRun.objects.count()) == (1, 1, 1)
    assert Event.objects.filter(verb=Verb.NOTIFICATION_RAISED).count() == 1


WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s"
)


def looking() -> "psycopg.Connection[tuple[Any, ...]]":
    """Return a separate connection in which every read sees the latest committed data."""
    return psycopg.connect(**connection.get_connection_params(), autocommit=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_before_the_mail_loses_and_doubles_nothing(bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    event = raised(bakery, days=8)
    DailyRun.objects.update(due_on=timezone.localdate() + timedelta(days=1))
    faults: list[Exception] = []

    def work() -> None:
        try:
            notifications.delivery.run_daily()
        except Exception as error:
            faults.append(error)
        finally:
            connections.close_all()

    with time_machine.travel(timezone.now() + timedelta(days=1)):
        with psycopg.connect(**connection.get_connection_params()) as other, looking() as look:
            other.execute("LOCK TABLE outbox_message IN EXCLUSIVE MODE")  # it stops here, with rows written
            thread = Thread(target=work)
            thread.start()
            until(lambda: look.execute(WAITING, ["%outbox_message%"]).fetchone() is not None)
            assert not Notification.objects.exists()
            look.execute("SELECT pg_terminate_backend(pid) FROM (" + WAITING + ") waiting", ["%outbox_message%"])
            thread.join(20)
        assert faults
        assert not Notification.objects.exists()
        assert not Message.objects.exists()
        assert notifications.delivery.run_daily() == 1
        assert notifications.delivery.run_daily() == 0
    assert shown(event) == {"bob"}
    assert len(mails(bob)) == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_raised_during_the_round_of_its_office_has_a_round_of_its_own(bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    raised(bakery, days=50)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT 1 FROM notifications_dailyrun FOR UPDATE")  # as a round holds it
        other.execute("UPDATE notifications_dailyrun SET due_on = %s", [timezone.localdate() + timedelta(days=1)])

        def work() -> None:
            try:
                raised(bakery)
            finally:
                connections.close_all()

        thread = Thread(target=work)
        thread.start()
        with looking() as look:
            until(lambda: look.execute(WAITING, ["%dailyrun%"]).fetchone() is not None)
        other.commit()
        thread.join(20)
    assert notifications.delivery.run_daily() == 1
    assert len(mails(bob)) == 1
