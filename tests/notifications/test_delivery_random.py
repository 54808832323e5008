"""Recipients of notifications in random offices, compared with plain Python over the fetched rows."""

from datetime import date, timedelta
from random import Random
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import notifications.actions
import notifications.delivery
from notifications.catalog import NotificationType
from notifications.models import Notification, NotificationEvent, NotificationSetting
from permissions.models import Employer
from permissions.products import Product
from tests.helpers import random_offices
from tests.helpers.random_offices import RandomOffice, Rows
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
SOME = [NotificationType.BIRTHDAY, NotificationType.OWN, NotificationType.SICKNESS, NotificationType.DOCUMENT_ADDED]
Settings = dict[tuple[UUID | None, str], NotificationSetting]


def wish(random_office: RandomOffice, chance: Random) -> None:
    """Set random preferences of the office and its users, and give most employers the product."""
    for employer in random_office.employers:
        employer.products = [Product.SIGNALS.value] if chance.random() < 0.8 else [Product.JOURNAL.value]
    Employer.objects.bulk_update(random_office.employers, ["products"])
    NotificationSetting.objects.bulk_create(
        NotificationSetting(
            provider=random_office.provider, type=type_, is_on=chance.random() < 0.8, days=chance.choice([0, 1, 5, 99]),
            mail=chance.random() < 0.5,
        )
        for type_ in SOME
        if chance.random() < 0.7
    )  # fmt: skip
    for user in random_office.users:
        for type_ in SOME:
            parts = {"is_on": chance.choice([None, True, False]), "days": chance.choice([None, 0, 2, 30])}
            parts["mail"] = chance.choice([None, True, False])
            if set(parts.values()) != {None} and chance.random() < 0.5:
                NotificationSetting.objects.create(provider=random_office.provider, user=user, type=type_, **parts)


def told(rows: Rows, wanted: Settings, event: NotificationEvent, user: UUID, today: date) -> bool | None:
    """Return whether a user is notified by mail too, None if not at all; it shares no code with the product."""
    if random_offices.is_inactive(rows, user) or 290 not in rows.employers[event.employer_id].products:
        return None
    if not any(member == user and (team, event.employer_id) in rows.places for team, member in rows.members):
        return None
    type_ = NotificationType(event.type)
    is_on, days, mail = True, type_.days, False
    for owner in (None, user):
        setting = wanted.get((owner, event.type))
        if setting is not None:
            is_on = is_on if setting.is_on is None else setting.is_on
            days = days if setting.days is None else setting.days
            mail = mail if setting.mail is None else setting.mail
    offset = (today - event.event_date).days
    is_due = (
        offset >= days if type_ in (NotificationType.SICKNESS, NotificationType.DOCUMENT_ADDED) else -offset <= days
    )
    return mail if is_on and is_due else None


def agree(seed: int) -> int:
    """Raise notifications in a random office beside another; return how many notices there had to be."""
    chance = Random(seed)  # noqa: S311 test data, not secrets
    random_office, elsewhere = random_offices.make_random_office(chance), random_offices.make_random_office(chance)
    wish(random_office, chance)
    wish(elsewhere, chance)
    today = timezone.localdate()
    events = [
        notifications.actions.raise_notification_event(
            random_office.provider, chance.choice(random_office.employers), chance.choice(SOME),
            today + timedelta(days=chance.choice([-30, -2, -1, 0, 1, 2, 5, 6, 99, 100])), by=actor(),
        )
        for _number in range(6)
    ]  # fmt: skip
    rows = random_offices.fetch_rows(random_office.provider)
    wanted = {
        (setting.user_id, setting.type): setting
        for setting in NotificationSetting.objects.filter(provider=random_office.provider)
    }
    expected = {
        (event.pk, user.pk): mail
        for event in events
        for user in random_office.users
        if (mail := told(rows, wanted, event, user.pk, today)) is not None
    }
    found = Notification.objects.filter(provider=random_office.provider).values_list("event_id", "user_id", "by_mail")
    assert {(event, user): mail for event, user, mail in found} == expected
    for user in random_office.users:
        if not random_offices.is_inactive(rows, user.pk):
            visible = set(Notification.objects.visible_to(user).values_list("event_id", flat=True))
            assert visible == {event for event, receiver in expected if receiver == user.pk}
    notifications.delivery.run_daily()
    assert Notification.objects.filter(provider=random_office.provider).count() == len(expected)
    assert not Notification.objects.filter(provider=elsewhere.provider).exists()
    return len(expected)


@pytest.mark.slow
def test_exactly_those_are_told_in_many_random_offices() -> None:
    assert sum(agree(seed) for seed in range(100)) > 50, "the offices have to say something"


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=10**6))
def test_delivery_matches_the_model_in_any_random_office(seed: int) -> None:
    agree(seed)
