"""The figures of the home page: users, access, two-factor, who came and left, and invitations under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import Count, F, Min, Q, QuerySet, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from authentication.mfa.status import filter_missing_factor
from core.paging import MAX_COUNT
from invitations.models import Invitation
from outbox.models import Message
from permissions.coverage import SinglePayroll, find_single_payroll
from permissions.inactive import build_open_filter
from permissions.models import Employer, Team
from users.alerts import RowCount
from users.filters import build_pending_condition

CACHE_FROM_USERS = 200  # in a larger office, what costs more than a list is computed once a minute
CACHE_SECONDS = 60
WEEK_DAYS = 7
MAX_PEOPLE_NAMED = 3


class Figures(NamedTuple):
    """Each counted up to MAX_COUNT + 1."""

    users: int
    teams: int
    employers: int


class TwoFactorShares(NamedTuple):
    """Of the users who have access: those with two-factor, who must set it up, and who log in elsewhere."""

    total: int
    active: int
    missing: int
    elsewhere: int

    @property
    def not_required(self) -> int:
        return self.total - self.active - self.missing - self.elsewhere


class DayChange(NamedTuple):
    day: date
    came: int
    left: int


class InvitationFunnel(NamedTuple):
    """The invitations of the last import or bulk action that some have yet to accept."""

    created_at: datetime
    sent: int
    delivered: int
    undelivered: int
    opened: int
    accepted: int
    open: int
    first_expiry: datetime


@dataclass(frozen=True)
class OfficeTrends:
    invited: int
    two_factor: TwoFactorShares
    week: Sequence[DayChange]
    single_payroll: SinglePayroll
    funnel: InvitationFunnel | None


def count_figures(user: User) -> Figures:
    """One query."""
    rows: dict[str, QuerySet[Any, Any]] = {
        "users": User.objects.visible_to(user),
        "teams": Team.objects.visible_to(user),
        "employers": Employer.objects.visible_to(user),
    }
    counts = {name: RowCount(found.order_by().values("pk")[: MAX_COUNT + 1]) for name, found in rows.items()}
    return Figures(
        *Provider.objects.filter(pk=user.office.pk).values_list(*(counts[name] for name in Figures._fields)).get()
    )


def get_trends(user: User, figures: Figures) -> OfficeTrends:
    """Six queries, for a large office once a minute."""
    if figures.users <= CACHE_FROM_USERS:
        return _compute_trends(user)
    key = f"office-trends:{user.provider_id}:{timezone.localdate()}"
    trends: OfficeTrends | None = cache.get(key)
    if trends is None:
        trends = _compute_trends(user)
        cache.set(key, trends, CACHE_SECONDS)
    return trends


def _compute_trends(user: User) -> OfficeTrends:
    office, users = user.office, User.objects.visible_to(user).filter(build_open_filter())
    has_access, is_website = Q(accepted_at__isnull=False), Q(login_method=LoginMethod.WEBSITE_SSO)
    counts = users.aggregate(
        invited=Count("pk", filter=build_pending_condition()),
        total=Count("pk", filter=has_access),
        active=Count("pk", filter=has_access & is_website & Q(second_factor_at__isnull=False)),
        elsewhere=Count("pk", filter=has_access & ~is_website),
    )
    invited, missing = counts.pop("invited"), filter_missing_factor(users, office).count()
    two_factor = TwoFactorShares(missing=missing, **counts)
    return OfficeTrends(invited, two_factor, _count_week(user), find_single_payroll(office), _count_funnel(office))


def _filter_left(user: User) -> QuerySet[User]:
    """Return users who were blocked this week, or whose access ended: the day after the last one."""
    today = timezone.localdate()
    ended = Q(blocked_at=None, access_until__range=(today - timedelta(days=WEEK_DAYS), today - timedelta(days=1)))
    return User.objects.visible_to(user).filter(ended | Q(blocked_at__gte=_get_week_start()))


def _get_week_start() -> datetime:
    first = timezone.localdate() - timedelta(days=WEEK_DAYS - 1)
    return timezone.make_aware(datetime.combine(first, datetime.min.time()))


def _count_week(user: User) -> list[DayChange]:
    """One query."""
    users = User.objects.visible_to(user)
    came = users.filter(accepted_at__gte=_get_week_start()).values(day=TruncDate("accepted_at"), change=Value("came"))
    left = _filter_left(user)
    blocked = left.filter(blocked_at__isnull=False).values(day=TruncDate("blocked_at"), change=Value("blocked"))
    ended = left.filter(blocked_at=None).values(day=F("access_until"), change=Value("ended"))
    rows = came.annotate(number=Count("pk")).union(
        *(each.annotate(number=Count("pk")) for each in (blocked, ended)), all=True
    )
    counts = {(row["day"], row["change"]): row["number"] for row in rows}
    days = [timezone.localdate() - timedelta(days=ago) for ago in reversed(range(WEEK_DAYS))]
    return [
        DayChange(
            day,
            counts.get((day, "came"), 0),
            counts.get((day, "blocked"), 0) + counts.get((day - timedelta(days=1), "ended"), 0),
        )
        for day in days
    ]


def list_leavers(user: User) -> list[User]:
    """Return the last users who left this week."""
    order = [F(field).desc(nulls_last=True) for field in ("blocked_at", "access_until")]
    return list(_filter_left(user).order_by(*order, "pk")[:MAX_PEOPLE_NAMED])


def _count_funnel(office: Provider) -> InvitationFunnel | None:
    """At most two queries."""
    sent = Message.objects.filter(provider_id=office.pk, scheduled_at__isnull=False)
    last = sent.order_by("-scheduled_at").values("correlation_id", "created_at").first()
    if last is None or not last["correlation_id"]:
        return None
    of_import = sent.filter(correlation_id=last["correlation_id"])
    invitations = Invitation.objects.filter(provider=office, user__in=of_import.values("user_id"))
    is_open = Q(state=Invitation.State.OPEN, expires_at__gt=timezone.now())
    accepted = Q(user__accepted_at__isnull=False)
    undelivered = Q(message__state__in=Message.UNDELIVERED_STATES)
    counts = invitations.aggregate(
        sent=Count("pk"),
        delivered=Count("pk", filter=Q(message__state=Message.State.SENT) | accepted),
        undelivered=Count("pk", filter=undelivered & ~accepted),
        opened=Count("pk", filter=Q(opened_at__isnull=False) | accepted),
        accepted=Count("pk", filter=accepted),
        open=Count("pk", filter=is_open),
        first_expiry=Min("expires_at", filter=is_open),
    )
    return InvitationFunnel(created_at=last["created_at"], **counts) if counts["open"] else None
