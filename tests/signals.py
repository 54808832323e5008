"""Employers, teams and signals for the tests, made without any action where an action is not what is tested."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

import notifications.actions
import notifications.delivery
from accounts.models import Provider, User
from notifications.catalogue import SignalType
from notifications.models import Notice, Signal, SignalSetting
from teams.models import Employer, Team, TeamEmployer, TeamMember
from teams.products import Product
from tests.people import actor


def employer_of(office: Provider, number: int = 1, *products: Product) -> Employer:
    """Make an employer, by default with the product that signals need."""
    on = list(products) or [Product.SIGNALS]
    return Employer.objects.create(provider=office, number=number, name=f"Bakkerij {number}", products=on)


def bring(employer: Employer, *users: User, **fields: Any) -> Team:
    """Make a team that brings people to an employer."""
    office = employer.provider
    team = Team.objects.create(provider=office, name=f"Team {Team.objects.count()}", **fields)
    TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    return team


def wants(office: Provider, type_: SignalType, user: User | None = None, **parts: Any) -> None:
    """Say what the office, or somebody, wants of a type; what the office does not say is on, 7 days, no mail."""
    whole = parts if user else {"is_on": True, "days": 7, "mail": False} | parts
    SignalSetting.objects.update_or_create(provider=office, user=user, type=type_, signal_set=None, defaults=whole)


def raised(employer: Employer, type_: SignalType = SignalType.APPRAISAL, days: int = 0, **fields: Any) -> Signal:
    """Raise a signal about an event so many days from today."""
    event_date: date = timezone.localdate() + timedelta(days=days)
    return notifications.actions.raise_signal(
        employer.provider, employer, type_, event_date, **{"by": actor(), **fields}
    )


def days_pass(clock: Any, days: int) -> None:
    """Let so many days go by, on each of which the worker does its work."""
    for _day in range(days):
        clock.shift(timedelta(days=1))
        notifications.delivery.run_day()


def shown(signal: Signal) -> set[str]:
    """Return to whom a signal was shown, whether they can still see it or not."""
    return set(signal.notices.values_list("user__username", flat=True))


def seen_by(user: User) -> list[Signal]:
    """Return the signals that somebody sees, the newest first."""
    notices = Notice.objects.visible_to(user).select_related("signal").order_by("-shown_at", "-pk")
    return [notice.signal for notice in notices]
