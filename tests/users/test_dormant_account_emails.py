"""The monthly e-mail about dormant accounts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts.models import AccountReviewSubscription, Provider, User
from audit.models import Event
from history.presenters.event_rows import present_events
from outbox.models import Message
from permissions.models import IndividualRight
from tests.helpers.invited_users import body_of
from tests.helpers.users import actor, letter, make_user
from users import dormant_account_emails
from users.dormant_accounts import ReviewThresholds

pytestmark = pytest.mark.django_db
URL = "/gebruikers/opruimen/mail/"
DAYS = {"days": "60", "password_days": "120"}
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=AMSTERDAM)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(at(2026, 1, 20), tick=False) as found:
        yield found


def ask(user: User, days: int = 60, password_days: int = 120) -> None:
    dormant_account_emails.subscribe(user, thresholds=ReviewThresholds(days, password_days), by=actor(user))


def idle(office: Provider) -> User:
    return make_user(office, username="lang", accepted_at=at(2025, 1, 1))


def mails() -> list[Message]:
    return list(Message.objects.filter(kind="hygiene").order_by("pk"))


def test_it_is_asked_for_and_stopped_on_the_page(
    clock: time_machine.Traveller, alice: User, alice_client: Client
) -> None:
    page = alice_client.post(URL, DAYS, follow=True)
    assert "1 februari 2026" in page.content.decode()
    assert page.context["thresholds"] == ReviewThresholds(60, 120)
    wish = AccountReviewSubscription.objects.get()
    assert (wish.user, wish.provider, wish.days, wish.password_days) == (alice, alice.provider, 60, 120)
    other = alice_client.get("/gebruikers/opruimen/", {"days": 30, "password_days": 90}).content.decode()
    assert "Gebruik 30 en 90 dagen voor de mail" in other
    alice_client.post(f"{URL}stoppen/")
    assert not AccountReviewSubscription.objects.exists()
    events = present_events(list(Event.objects.filter(verb="user_changed").order_by("at")))
    assert [(row.changes[0].old, row.changes[0].new) for row in events] == [("", "60, 120"), ("60, 120", "")]
    assert "Maandelijkse mail" in events[0].changes[0].label


def test_a_double_click_and_a_second_tab_change_nothing_more(
    clock: time_machine.Traveller, alice: User, alice_client: Client
) -> None:
    for _time in range(2):
        alice_client.post(URL, DAYS)
    assert AccountReviewSubscription.objects.count() == Event.objects.filter(verb="user_changed").count() == 1
    for _time in range(2):
        assert alice_client.post(f"{URL}stoppen/").status_code == 302
    assert Event.objects.filter(verb="user_changed").count() == 2


@pytest.mark.parametrize("data", [{}, {"days": "0", "password_days": "9"}, {"days": "x", "password_days": "5000"}])
def test_bad_days_ask_for_nothing(alice_client: Client, data: dict[str, str]) -> None:
    assert "3650" in alice_client.post(URL, data, follow=True).content.decode()
    assert not AccountReviewSubscription.objects.exists()


def test_users_subscribe_and_unsubscribe_only_themselves(alice: User, bob: User) -> None:
    with pytest.raises(PermissionDenied):
        dormant_account_emails.subscribe(alice, thresholds=ReviewThresholds(), by=actor(bob))
    with pytest.raises(PermissionDenied):
        dormant_account_emails.subscribe(bob, thresholds=ReviewThresholds(), by=actor(bob))
    ask(alice)
    with pytest.raises(PermissionDenied):
        dormant_account_emails.unsubscribe(alice, by=actor(bob))
    assert AccountReviewSubscription.objects.count() == 1


def test_it_comes_once_a_month_when_there_is_something(
    clock: time_machine.Traveller, office: Provider, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(last_login=at(2026, 12, 1))
    ask(alice)
    idle(office)
    sent = []
    day = date(2026, 1, 20)
    while day < date(2026, 5, 10):
        for hour in (0, 12, 23):
            clock.move_to(at(day.year, day.month, day.day, hour))
            sent += [day.isoformat()] * dormant_account_emails.send_due_emails()
        day += timedelta(days=1)
    assert sent == ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"]
    text = letter(mails()[0])
    assert "- 60 dagen niet ingelogd: 1" in text
    assert "Einddatum" not in text
    assert "http://localhost:8000/gebruikers/opruimen/" in text
    assert "lang" not in text.lower().replace("lange", "")
    assert mails()[0].recipient == alice.email
    assert set(body_of(mails()[0])) >= {"subject", "text", "button"}


def test_nothing_to_tidy_up_is_no_mail_and_costs_no_month(
    clock: time_machine.Traveller, office: Provider, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(last_login=at(2026, 12, 1))
    ask(alice)
    clock.move_to(at(2026, 2, 1))
    assert dormant_account_emails.send_due_emails() == 0
    idle(office)
    clock.move_to(at(2026, 2, 20))
    assert dormant_account_emails.send_due_emails() == 0
    clock.move_to(at(2026, 3, 1))
    assert dormant_account_emails.send_due_emails() == 1


def test_missed_months_are_one_mail(clock: time_machine.Traveller, office: Provider, alice: User) -> None:
    ask(alice)
    idle(office)
    clock.move_to(at(2026, 6, 15))
    assert [dormant_account_emails.send_due_emails() for _time in range(3)] == [1, 0, 0]
    clock.move_to(at(2026, 7, 1))
    assert dormant_account_emails.send_due_emails() == 1


def test_stopping_and_asking_again_brings_no_second_mail_in_a_month(
    clock: time_machine.Traveller, office: Provider, alice: User
) -> None:
    ask(alice)
    idle(office)
    clock.move_to(at(2026, 2, 1))
    assert dormant_account_emails.send_due_emails() == 1
    dormant_account_emails.unsubscribe(alice, by=actor(alice))
    ask(alice)
    clock.move_to(at(2026, 2, 28))
    assert dormant_account_emails.send_due_emails() == 0


def test_who_lost_the_right_or_is_blocked_gets_none(
    clock: time_machine.Traveller, office: Provider, alice: User
) -> None:
    ask(alice)
    idle(office)
    IndividualRight.objects.filter(user=alice).delete()
    clock.move_to(at(2026, 2, 1))
    assert dormant_account_emails.send_due_emails() == 0
    IndividualRight.objects.create(provider=office, user=alice, right="manage_users")
    User.objects.filter(pk=alice.pk).update(blocked_at=at(2026, 2, 2))
    clock.move_to(at(2026, 3, 1))
    assert dormant_account_emails.send_due_emails() == 0
    User.objects.filter(pk=alice.pk).update(blocked_at=None)
    clock.move_to(at(2026, 4, 1))
    assert dormant_account_emails.send_due_emails() == 1


def test_a_closed_office_gets_none(clock: time_machine.Traveller, office: Provider, alice: User) -> None:
    ask(alice)
    idle(office)
    Provider.objects.update(suspended_at=at(2026, 1, 25))
    clock.move_to(at(2026, 2, 1))
    assert dormant_account_emails.send_due_emails() == 0
    assert not mails()


def test_it_counts_the_own_office_only(
    clock: time_machine.Traveller, office: Provider, alice: User, charlie: User
) -> None:
    User.objects.update(last_login=at(2026, 12, 1))
    ask(alice)
    ask(charlie)
    idle(office)
    clock.move_to(at(2026, 2, 1))
    assert dormant_account_emails.send_due_emails() == 1
    assert mails()[0].user_id == alice.pk


def test_a_crash_before_the_end_loses_no_mail_and_doubles_none(
    clock: time_machine.Traveller, office: Provider, alice: User
) -> None:
    ask(alice)
    idle(office)
    clock.move_to(at(2026, 2, 1))
    with transaction.atomic():
        assert dormant_account_emails.send_due_emails() == 1
        transaction.set_rollback(True)
    assert not mails()
    assert [dormant_account_emails.send_due_emails(), dormant_account_emails.send_due_emails()] == [1, 0]


def test_the_worker_does_it(clock: time_machine.Traveller, office: Provider, alice: User) -> None:
    ask(alice)
    idle(office)
    clock.move_to(at(2026, 2, 1))
    call_command("worker", "--once")
    assert len(mails()) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_everybody_once(office: Provider) -> None:
    with time_machine.travel(at(2026, 1, 20), tick=False):
        idle(office)
        for number in range(40):
            boss = make_user(office, username=f"u{number}")
            IndividualRight.objects.create(provider=office, user=boss, right="manage_users")
            ask(boss)
    with time_machine.travel(at(2026, 2, 1), tick=False):

        def work() -> int:
            try:
                return dormant_account_emails.send_due_emails()
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            sent = sum(future.result() for future in [pool.submit(work) for _worker in range(4)])
        while more := dormant_account_emails.send_due_emails():
            sent += more
        assert sent == 40
    assert Message.objects.filter(kind="hygiene").values("user_id").distinct().count() == 40
    assert Message.objects.filter(kind="hygiene").count() == 40


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one_wish(alice: User) -> None:
    def work(_number: int) -> None:
        try:
            ask(alice)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert AccountReviewSubscription.objects.count() == Event.objects.filter(verb="user_changed").count() == 1


def test_a_wish_of_another_office_cannot_be(alice: User, charlie: User) -> None:
    other, day = charlie.provider, date(2026, 2, 1)
    AccountReviewSubscription.objects.create(user=alice, provider=other, days=1, password_days=1, due_on=day)
    with pytest.raises(IntegrityError, match="same_office"):
        connection.check_constraints()
