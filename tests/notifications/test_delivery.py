"""Raising an event, and the days on which people are told: who, when, and who no longer."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

import notifications.actions
import notifications.delivery
import users.actions
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from notifications.catalog import NotificationType
from notifications.models import (
    DailyRun,
    Notification,
    NotificationEvent,
    NotificationSet,
    NotificationSetApplication,
    NotificationSetting,
)
from permissions.checks import Right
from permissions.models import Employer, Team, TeamMember, TeamRight
from permissions.products import Product
from tests.helpers.notification_events import (
    days_pass,
    employer_of,
    make_team_at_employer,
    raised,
    seen_by,
    shown,
    wants,
)
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
TYPE, AFTER = NotificationType.APPRAISAL, NotificationType.SICKNESS


@pytest.fixture
def bakery(office: Provider) -> Employer:
    return employer_of(office)


@pytest.fixture
def clock() -> Iterator[Any]:
    """A clock stopped at noon until it is moved."""
    with time_machine.travel("2027-01-11T11:00Z", tick=False) as moved:
        yield moved


def test_only_users_who_reach_the_employer_see_it(bakery: Employer, alice: User, bob: User, charlie: User) -> None:
    make_team_at_employer(bakery, bob)
    make_team_at_employer(employer_of(bakery.provider, 2), alice)
    make_team_at_employer(employer_of(charlie.provider), charlie)
    event = raised(bakery, text="A. Jansen")
    assert shown(event) == {"bob"}
    assert seen_by(bob) == [event]
    assert seen_by(alice) == seen_by(charlie) == []
    (recorded,) = Event.objects.filter(verb=Verb.NOTIFICATION_RAISED)
    assert (recorded.target_id, recorded.changes["type"]) == (bakery.pk, [None, "appraisal"])
    assert "Jansen" not in str(recorded.changes), "what it says about a person stays out of the trail"


def test_users_are_notified_as_many_days_before_as_they_chose(
    clock: Any, bakery: Employer, alice: User, bob: User
) -> None:
    wants(bakery.provider, TYPE, days=7)
    wants(bakery.provider, TYPE, bob, days=3)
    make_team_at_employer(bakery, alice, bob)
    event = raised(bakery, days=9)
    assert shown(event) == set()
    days_pass(clock, 1)
    assert shown(event) == set()
    days_pass(clock, 1)
    assert shown(event) == {"alice"}
    days_pass(clock, 3)
    assert shown(event) == {"alice"}
    days_pass(clock, 1)
    assert shown(event) == {"alice", "bob"}


def test_days_of_some_types_count_after_the_event(clock: Any, bakery: Employer, alice: User, bob: User) -> None:
    wants(bakery.provider, AFTER, days=0)
    wants(bakery.provider, AFTER, bob, days=2)
    make_team_at_employer(bakery, alice, bob)
    event = raised(bakery, AFTER, days=1)
    assert shown(event) == set()
    days_pass(clock, 1)
    assert shown(event) == {"alice"}
    days_pass(clock, 1)
    assert shown(event) == {"alice"}
    days_pass(clock, 1)
    assert shown(event) == {"alice", "bob"}


def test_raising_it_twice_is_one(bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    first = raised(bakery, text="30 jaar")
    assert raised(bakery, text="30 jaar") == first
    assert raised(bakery, text="31 jaar") != first
    assert raised(bakery, text="30 jaar", reference="een ander") != first
    again = raised(bakery, text="30 jaar en een dag", reference="30 jaar")
    assert (again, again.text) == (first, "30 jaar")
    assert len(seen_by(bob)) == Event.objects.filter(verb=Verb.NOTIFICATION_RAISED).count() == 3
    notifications.delivery.run_daily()
    notifications.delivery.run_daily()
    assert len(seen_by(bob)) == 3


def test_what_holds_on_the_day_counts(clock: Any, bakery: Employer, alice: User, bob: User) -> None:
    office = bakery.provider
    wants(office, TYPE, days=2)
    make_team_at_employer(bakery, alice, bob)
    event, other = raised(bakery, days=4), raised(bakery, days=4, text="later")
    wants(office, TYPE, bob, is_on=False)
    days_pass(clock, 2)
    assert shown(event) == {"alice"}
    wants(office, TYPE, bob, is_on=True, mail=True)
    days_pass(clock, 1)
    assert shown(event) == shown(other) == {"alice", "bob"}
    assert other.notices.get(user=bob).by_mail
    longer = raised(bakery, days=10)
    wants(office, TYPE, bob, days=30)
    days_pass(clock, 1)
    assert shown(longer) == {"bob"}, "the day of bob has passed already, the event has not"


@pytest.mark.slow
def test_a_signal_of_an_employer_that_one_no_longer_reaches_is_gone(clock: Any, bakery: Employer, bob: User) -> None:
    team = make_team_at_employer(bakery, bob)
    event, later = raised(bakery), raised(bakery, days=60)
    assert seen_by(bob) == [event]
    TeamMember.objects.all().delete()
    assert seen_by(bob) == []
    days_pass(clock, 60)
    assert shown(later) == set()
    TeamMember.objects.create(provider=bakery.provider, team=team, user=bob)
    assert seen_by(bob) == [event]
    Employer.objects.update(products=[Product.JOURNAL])
    assert seen_by(bob) == []


def test_without_the_product_no_user_is_notified(clock: Any, office: Provider, bob: User) -> None:
    employer = employer_of(office, 3, Product.JOURNAL)
    make_team_at_employer(employer, bob)
    event = raised(employer, days=5)
    days_pass(clock, 1)
    assert shown(event) == set()
    Employer.objects.update(products=[Product.JOURNAL, Product.SIGNALS])
    days_pass(clock, 1)
    assert shown(event) == {"bob"}


def test_users_with_inactive_rights_are_not_notified(clock: Any, bakery: Employer) -> None:
    office, today = bakery.provider, timezone.localdate()
    people = [
        make_user(office, username=None, password="!", accepted_at=None),
        make_user(office, username="blocked", blocked_at=timezone.now()),
        make_user(office, username="ended", access_until=today - timedelta(days=1)),
        make_user(office, username="last day", access_until=today),
        make_user(office, username="no factor", two_factor_required=True),
        make_user(office, username="factor", two_factor_required=True, second_factor_at=timezone.now()),
        make_user(office, username="machine", login_method=LoginMethod.SSO_WEBSERVICE),
    ]
    make_team_at_employer(bakery, *people)
    asked = make_user(office, username="asked by a team")
    make_team_at_employer(bakery, asked, two_factor_required=True)
    event, later = raised(bakery, days=10), raised(bakery, days=20)
    assert shown(event) == {"last day", "factor", "machine"}
    days_pass(clock, 6)
    assert shown(later) == {"factor", "machine"}
    User.objects.filter(username="blocked").update(blocked_at=None)
    Team.objects.update(two_factor_required=False)
    days_pass(clock, 1)
    assert shown(later) == {"factor", "machine", "blocked", "asked by a team"}


def test_who_comes_before_the_event_is_told_and_who_comes_after_is_not(
    clock: Any, bakery: Employer, alice: User, bob: User
) -> None:
    team = make_team_at_employer(bakery, make_user(bakery.provider, username="first"))
    event = raised(bakery, days=5)
    days_pass(clock, 4)
    TeamMember.objects.create(provider=bakery.provider, team=team, user=alice)
    days_pass(clock, 1)
    assert shown(event) == {"first", "alice"}
    TeamMember.objects.create(provider=bakery.provider, team=team, user=bob)
    days_pass(clock, 3)
    assert shown(event) == {"first", "alice"}
    event.refresh_from_db()
    assert event.closed_on is not None


@pytest.mark.slow
def test_who_begins_to_want_what_lies_behind_gets_two_weeks_of_it(clock: Any, bakery: Employer, bob: User) -> None:
    wants(bakery.provider, AFTER, is_on=False, days=0)
    make_team_at_employer(bakery, bob)
    old = raised(bakery, AFTER)
    days_pass(clock, 20)
    new = raised(bakery, AFTER)
    days_pass(clock, 10)
    wants(bakery.provider, AFTER, bob, is_on=True)
    days_pass(clock, 1)
    assert (shown(old), shown(new)) == (set(), {"bob"})
    days_pass(clock, 89)
    assert NotificationEvent.objects.filter(closed_on=None).count() == 0


def test_days_that_were_missed_are_caught_up_once(clock: Any, bakery: Employer, bob: User) -> None:
    wants(bakery.provider, TYPE, mail=True)
    wants(bakery.provider, AFTER, days=3)
    make_team_at_employer(bakery, bob)
    before, after = raised(bakery, days=20), raised(bakery, AFTER, days=2)
    clock.shift(timedelta(days=60))
    assert notifications.delivery.run_daily() == 1
    assert notifications.delivery.run_daily() == 0
    assert shown(before) == shown(after) == {"bob"}
    assert Notification.objects.count() == 2


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ("2027-03-27T22:59:59Z", "2027-03-27T23:00:00Z"),  # midnight in winter time, the day that summer time begins
        ("2027-03-28T21:59:59Z", "2027-03-28T22:00:00Z"),  # the first midnight in summer time
        ("2027-10-30T21:59:59Z", "2027-10-30T22:00:00Z"),  # the day that it ends
        ("2027-10-31T22:59:59Z", "2027-10-31T23:00:00Z"),  # the first midnight in winter time
    ],
)
def test_a_day_begins_at_midnight_of_the_office(office: Provider, bob: User, last: str, first: str) -> None:
    with time_machine.travel(last, tick=False) as clock:
        employer, today = employer_of(office), timezone.localdate()
        make_team_at_employer(employer, bob, make_user(office, username="until", access_until=today))
        wants(office, TYPE, days=7)
        event = raised(employer, days=8)
        notifications.delivery.run_daily()
        assert shown(event) == set()
        clock.move_to(first)
        assert timezone.localdate() == today + timedelta(days=1)
        notifications.delivery.run_daily()
        assert shown(event) == {"bob"}, "whose last day is over is not told"


def test_the_far_ends_of_the_calendar_do_no_harm(bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    early, late = date.min, date.max
    for type_ in (TYPE, AFTER):
        for day in (early, late):
            notifications.actions.raise_notification_event(bakery.provider, bakery, type_, day, by=actor())
    notifications.delivery.run_daily()
    assert {event.event_date for event in seen_by(bob)} == {early}
    wants(bakery.provider, TYPE, days=99)
    assert shown(raised(bakery, days=99, text="99")) == {"bob"}
    assert shown(raised(bakery, days=100, text="100")) == set()


def test_invalid_events_are_refused(bakery: Employer, bob: User, charlie: User) -> None:
    theirs = employer_of(charlie.provider)
    for wrong in ("x" * 151, "x" * 1_000_000, "a\x00b", "\u202egnp"):
        with pytest.raises(ValidationError):
            raised(bakery, text=wrong)
        with pytest.raises(ValidationError):
            raised(bakery, reference=wrong)
    with pytest.raises(ValueError, match="was_once"):
        raised(bakery, "was_once")
    for provider, employer, by in (
        (bakery.provider, theirs, actor()),
        (charlie.provider, bakery, actor()),
        (charlie.provider, theirs, actor(bob)),
        (bakery.provider, bakery, actor(bob)),
    ):
        with pytest.raises(PermissionDenied):
            notifications.actions.raise_notification_event(provider, employer, TYPE, timezone.localdate(), by=by)
    assert not NotificationEvent.objects.exists()
    assert raised(bakery, text="x" * 150).text == "x" * 150


def test_a_machine_raises_them_where_it_may(bakery: Employer, bob: User) -> None:
    machine = make_user(bakery.provider, username="loon", login_method=LoginMethod.SSO_WEBSERVICE)
    team = make_team_at_employer(bakery, machine, bob)
    with pytest.raises(PermissionDenied):
        raised(bakery, by=actor(machine))
    TeamRight.objects.create(provider=bakery.provider, team=team, right=Right.MANAGE_EMPLOYER_SIGNALS)
    assert shown(raised(bakery, by=actor(machine))) == {"loon", "bob"}
    with pytest.raises(PermissionDenied):
        raised(employer_of(bakery.provider, 2), by=actor(machine))


def test_a_type_that_left_the_catalog_is_no_longer_shown(clock: Any, bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    lost = NotificationEvent.objects.create(
        provider=bakery.provider, employer=bakery, type="was_once", event_date=timezone.localdate(), reference=""
    )
    NotificationSetting.objects.create(provider=bakery.provider, type="was_once", is_on=True, days=1, mail=True)
    raised(bakery)
    days_pass(clock, 1)
    assert shown(lost) == set()
    assert lost.label == "was_once"


def test_no_row_joins_two_offices(bakery: Employer, bob: User, charlie: User) -> None:
    office, theirs = bakery.provider, charlie.provider
    ours = raised(bakery)
    made = NotificationSet.objects.create(provider=office, name="Set")
    shown_to = {"event": ours, "employer": bakery, "shown_at": timezone.now(), "by_mail": False}
    at = timezone.now()
    whole = {"type": "own", "is_on": True, "days": 1, "mail": True}
    wrong = [
        lambda: NotificationEvent.objects.create(
            provider=theirs, employer=bakery, type="own", event_date=ours.event_date
        ),
        lambda: Notification.objects.create(provider=office, user=charlie, **shown_to),
        lambda: Notification.objects.create(provider=theirs, user=charlie, **shown_to),
        lambda: Notification.objects.create(provider=office, user=bob, **shown_to | {"employer": employer_of(theirs)}),
        lambda: NotificationSetting.objects.create(provider=office, user=charlie, **whole),
        lambda: NotificationSetting.objects.create(provider=theirs, notification_set=made, **whole),
        lambda: NotificationSetApplication.objects.create(
            provider=office, notification_set=made, user=charlie, applied_at=at
        ),
        lambda: NotificationSetApplication.objects.create(
            provider=theirs, notification_set=made, user=charlie, applied_at=at
        ),
    ]
    for make in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012
            make()
            connection.check_constraints()


def test_a_setting_is_whole(office: Provider, bob: User) -> None:
    made = NotificationSet.objects.create(provider=office, name="Set")
    for wrong in (
        {"is_on": True, "days": 100, "mail": True},
        {"is_on": True, "days": None, "mail": True},
        {"notification_set": made, "is_on": None, "days": 1, "mail": True},
        {"user": bob},
        {"user": bob, "notification_set": made, "is_on": True, "days": 1, "mail": True},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            NotificationSetting.objects.create(provider=office, type="own", **wrong)
    NotificationSetting.objects.create(provider=office, type="own", is_on=True, days=99, mail=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        NotificationSetting.objects.create(provider=office, type="own", is_on=True, days=1, mail=True)


def test_blocking_by_the_action_hides_nothing_from_the_others(bakery: Employer, alice: User, bob: User) -> None:
    make_team_at_employer(bakery, alice, bob)
    users.actions.block_user(bob, by=actor(alice))
    assert shown(raised(bakery)) == {"alice"}


def test_the_worker_does_it_and_the_operator_can_raise_one(clock: Any, bakery: Employer, bob: User) -> None:
    make_team_at_employer(bakery, bob)
    arguments = [bakery.provider.name, "1", "appraisal", "2027-02-20"]
    call_command("raise_notification", *arguments, text="A. Jansen")
    assert not Notification.objects.exists()
    clock.move_to("2027-02-07T12:00Z")
    call_command("worker", once=True)
    assert [event.text for event in seen_by(bob)] == ["A. Jansen"]
    assert DailyRun.objects.get().due_on == date(2027, 2, 8)
    for wrong in (["Elders", *arguments[1:]], [arguments[0], "9", *arguments[2:]]):
        with pytest.raises(CommandError):
            call_command("raise_notification", *wrong)
    with pytest.raises(CommandError):
        call_command("raise_notification", *arguments, text="x" * 151)


def test_the_catalogue_is_whole() -> None:
    assert len({str(type_.label) for type_ in NotificationType}) == len(NotificationType)
    for type_ in NotificationType:
        assert 0 < len(str(type_.label)) <= 70
        assert str(type_.says)
        assert 0 <= type_.days <= 99
        assert len(type_.value) <= 40
