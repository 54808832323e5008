"""Employers, teams and notifications for the tests, made without any action where an action is not what is tested."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

import notifications.actions
import notifications.delivery
from accounts.models import Provider, User
from notifications.catalog import NotificationType
from notifications.models import Notification, NotificationEvent, NotificationSetting
from permissions.models import Employer, Team, TeamEmployer, TeamMember
from permissions.products import Product
from tests.helpers.users import actor


def employer_of(office: Provider, number: int = 1, *products: Product) -> Employer:
    """Make an employer, by default with the product that notifications need."""
    on = list(products) or [Product.SIGNALS]
    return Employer.objects.create(provider=office, number=number, name=f"Bakkerij {number}", products=on)


def make_team_at_employer(employer: Employer, *users: User, **fields: Any) -> Team:
    """Create a team that gives users access to an employer."""
    office = employer.provider
    team = Team.objects.create(provider=office, name=f"Team {Team.objects.count()}", **fields)
    TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    return team


def wants(office: Provider, type_: NotificationType, user: User | None = None, **parts: Any) -> None:
    """Set the preference of the office or a user for a type; the office default is on, 7 days, no e-mail."""
    whole = parts if user else {"is_on": True, "days": 7, "mail": False} | parts
    NotificationSetting.objects.update_or_create(
        provider=office, user=user, type=type_, notification_set=None, defaults=whole
    )


def raised(
    employer: Employer, type_: NotificationType = NotificationType.APPRAISAL, days: int = 0, **fields: Any
) -> NotificationEvent:
    """Raise an event so many days from today."""
    event_date: date = timezone.localdate() + timedelta(days=days)
    return notifications.actions.raise_notification_event(
        employer.provider, employer, type_, event_date, **{"by": actor(), **fields}
    )


def days_pass(clock: Any, days: int) -> None:
    """Let days pass, running the worker's daily job on each of them."""
    for _day in range(days):
        clock.shift(timedelta(days=1))
        notifications.delivery.run_daily()


def shown(event: NotificationEvent) -> set[str | None]:
    """Return to whom an event was shown, whether they can still see it or not."""
    return set(event.notices.values_list("user__username", flat=True))


def seen_by(user: User) -> list[NotificationEvent]:
    """Return the notification events that a user sees, newest first."""
    notices = Notification.objects.visible_to(user).select_related("event").order_by("-shown_at", "-pk")
    return [notice.event for notice in notices if notice.event]
