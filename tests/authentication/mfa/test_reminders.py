"""Reminders by e-mail before two-factor becomes required."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from authentication import actions as signin_actions
from authentication.mfa import reminders
from authentication.models import MfaReminder
from outbox.models import Message
from permissions.models import Team, TeamMember
from tests.helpers.mfa import give_app
from tests.helpers.users import letter, make_user

pytestmark = pytest.mark.django_db
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DAY = date(2026, 3, 29)


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=AMSTERDAM)


def before(days: int) -> datetime:
    return at(DAY - timedelta(days=days))


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(before(30), tick=False) as found:
        yield found


def ask_from(day: date | None) -> None:
    Provider.objects.update(two_factor_from=day)


def mails() -> list[Message]:
    return list(Message.objects.filter(kind="factor_duty_ahead").order_by("pk"))


def test_reminder_tells_7_days_and_1_day_before_and_each_once(clock: time_machine.Traveller, bob: User) -> None:
    ask_from(DAY)
    told = []
    for days in range(9, -2, -1):
        for hour in (0, 9, 23):
            clock.move_to(at(DAY - timedelta(days=days), hour))
            told += [days] * reminders.send_due_reminders()
    assert told == [7, 1]
    first, last = mails()
    assert {first.recipient, last.recipient} == {bob.email}
    assert "zondag 29 maart 2026" in letter(first)
    assert "/profiel/twee-factor/" in letter(first)
    assert first.expires_at == last.expires_at == at(DAY, 0)


@pytest.mark.parametrize(
    ("found_out", "told"), [(30, [7, 1]), (6, [6, 1]), (3, [3, 1]), (2, [2, 1]), (1, [1]), (0, []), (-5, [])]
)
def test_a_day_that_is_set_late_or_a_worker_that_stood_still(
    clock: time_machine.Traveller, bob: User, found_out: int, told: list[int]
) -> None:
    ask_from(DAY)
    sent = []
    for days in range(found_out, -7, -1):
        clock.move_to(before(days))
        sent += [days] * reminders.send_due_reminders()
    assert sent == told


def test_a_day_that_moves_is_told_of_anew_and_the_old_one_not_again(clock: time_machine.Traveller, bob: User) -> None:
    ask_from(DAY)
    clock.move_to(before(7))
    assert reminders.send_due_reminders() == 1
    ask_from(DAY + timedelta(days=3))
    assert reminders.send_due_reminders() == 0
    clock.move_to(before(4))
    assert reminders.send_due_reminders() == 1
    ask_from(DAY)
    assert reminders.send_due_reminders() == 0
    ask_from(None)
    clock.move_to(before(1))
    assert reminders.send_due_reminders() == 0


def test_days_after_the_first_sign_in_have_their_own_day(clock: time_machine.Traveller, office: Provider) -> None:
    Provider.objects.update(two_factor_days=10, two_factor_days_since=DAY - timedelta(days=12))
    old = make_user(office, username="oud", accepted_at=before(400))
    new = make_user(office, username="nieuw", accepted_at=before(10))
    told = []
    for days in range(12, -2, -1):
        clock.move_to(before(days))
        reminders.send_due_reminders()
        told += [(days, message.user_id) for message in mails()[len(told) :]]
    assert told == [(9, old.pk), (7, new.pk), (3, old.pk), (1, new.pk)]


def test_who_need_not_or_cannot_gets_none(clock: time_machine.Traveller, office: Provider) -> None:
    ask_from(DAY)
    clock.move_to(before(7))
    tenant = ExternalTenant.objects.create(
        provider=office, name="T", tenant_id=uuid4(), confirmed_at=before(9), confirmation_method="support"
    )
    make_user(office, username="a", blocked_at=before(9))
    make_user(office, username="b", access_until=DAY - timedelta(days=1))
    make_user(office, username="c", login_method=LoginMethod.SSO_WEBSERVICE)
    make_user(office, username="d", login_method=LoginMethod.AZURE_AD, password="!", external_tenant=tenant,
              external_user_id=uuid4())  # fmt: skip
    make_user(office, username=None, accepted_at=None, password="!")
    make_user(office, username="e", two_factor_required=True)
    member = make_user(office, username="f")
    team = Team.objects.create(provider=office, name="Salaris", two_factor_required=True)
    TeamMember.objects.create(provider=office, team=team, user=member)
    give_app(make_user(office, username="g"))
    last_day = make_user(office, username="h", access_until=DAY)
    assert reminders.send_due_reminders() == 1
    assert mails()[0].user_id == last_day.pk


def test_who_sets_it_up_gets_no_further_mail_and_none_that_waits(
    clock: time_machine.Traveller, bob: User, alice: User
) -> None:
    ask_from(DAY)
    clock.move_to(before(7))
    assert reminders.send_due_reminders() == 2
    give_app(bob)
    states = dict(Message.objects.filter(kind="factor_duty_ahead").values_list("user_id", "state"))
    assert states == {bob.pk: "cancelled", alice.pk: "queued"}
    clock.move_to(before(1))
    assert reminders.send_due_reminders() == 1
    assert mails()[-1].user_id == alice.pk


def test_each_office_has_its_own_day(clock: time_machine.Traveller, bob: User, charlie: User) -> None:
    Provider.objects.filter(pk=charlie.provider_id).update(two_factor_from=DAY)
    clock.move_to(before(7))
    assert reminders.send_due_reminders() == 1
    assert mails()[0].user_id == charlie.pk


def test_a_crash_before_the_end_loses_no_mail_and_doubles_none(clock: time_machine.Traveller, bob: User) -> None:
    ask_from(DAY)
    clock.move_to(before(7))
    with transaction.atomic():
        assert reminders.send_due_reminders() == 1
        transaction.set_rollback(True)
    assert not mails()
    assert not MfaReminder.objects.exists()
    assert reminders.send_due_reminders() == 1
    assert reminders.send_due_reminders() == 0


@pytest.mark.slow
def test_more_people_than_fit_in_a_batch(clock: time_machine.Traveller, office: Provider) -> None:
    ask_from(DAY)
    for number in range(230):
        make_user(office, username=f"u{number}")
    clock.move_to(before(7))
    assert reminders.send_due_reminders() == 230
    assert Message.objects.values("user_id").distinct().count() == 230


def test_the_worker_does_it(clock: time_machine.Traveller, bob: User) -> None:
    ask_from(DAY)
    clock.move_to(before(7))
    call_command("worker", "--once")
    assert len(mails()) == 1


def test_days_that_have_passed_are_forgotten(clock: time_machine.Traveller, bob: User) -> None:
    ask_from(DAY)
    clock.move_to(before(1))
    reminders.send_due_reminders()
    clock.move_to(before(0))
    signin_actions.delete_expired_data()
    assert MfaReminder.objects.count() == 1
    clock.move_to(before(-1))
    signin_actions.delete_expired_data()
    assert not MfaReminder.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_everybody_once(office: Provider) -> None:
    for number in range(150):
        make_user(office, username=f"u{number}")
    with time_machine.travel(before(7), tick=False):
        ask_from(DAY)

        def work() -> int:
            try:
                return reminders.send_due_reminders()
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            sent = [future.result() for future in [pool.submit(work) for _worker in range(4)]]
        assert sum(sent) + reminders.send_due_reminders() == 150
    assert Message.objects.count() == 150
    assert Message.objects.values("user_id").distinct().count() == 150
