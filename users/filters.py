"""Search, filters and sorting of the user list."""

from collections.abc import Collection
from datetime import timedelta
from typing import TypeAlias

from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextChoices, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.models import MIN_DATETIME, LoginMethod, User
from accounts.search import filter_by_search
from invitations.models import Invitation
from permissions.inactive import build_open_filter
from permissions.models import TeamMember
from users.alerts import ENDING_WITHIN, AlertReason, filter_by_alert, filter_by_any_alert
from users.status import AccountStatus, UserWithStatuses, annotate_statuses

SORT_EXPRESSIONS: dict[str, Combinable] = {
    "name": F("sort_name"),
    "username": Coalesce("username_key", Value("")),
    "email": F("email_key"),
    "last_login": Coalesce("last_login", MIN_DATETIME),
}
DATETIME_SORTS = ("last_login",)
# By the fields of `UserFilterForm`: a text, or the values of which one must apply.
UserFilters: TypeAlias = dict[str, str | list[str]]
MAX_SELECTED = 5_000  # users whom one bulk action may concern
PENDING, WITHOUT_FACTOR, ANY_ALERT, WITHOUT_TEAM = "pending", "none", "any", "none"


class EndDateFilter(TextChoices):
    NONE = "none", gettext_lazy("No end date")
    SET = "set", gettext_lazy("Has an end date")
    ENDING = "ending", gettext_lazy("Ends within 14 days")
    PASSED = "passed", gettext_lazy("Has passed")


class LastLoginFilter(TextChoices):
    NEVER = "never", gettext_lazy("Never")
    WITHIN_30 = "30", gettext_lazy("In the last 30 days")
    OVER_90 = "over_90", gettext_lazy("Longer than 90 days ago")
    OVER_180 = "over_180", gettext_lazy("Longer than 180 days ago")


def filter_users(
    users: QuerySet[User],
    *,
    q: str,
    status: Collection[str],
    login_method: Collection[str],
    two_factor: Collection[str],
    team: Collection[str],
    access_until: str,
    last_login: str,
    attention: str,
) -> QuerySet[UserWithStatuses]:
    """Return the users to whom every filter applies; of several values of one filter, one must."""
    filtered = filter_by_search(annotate_statuses(users), q)
    conditions = [
        Q(login_method__in=login_method) if login_method else Q(),
        _build_status_condition(status),
        _build_two_factor_condition(two_factor),
        _build_team_condition(team),
        _build_end_date_condition(access_until),
        _build_last_login_condition(last_login),
    ]
    filtered = filtered.filter(*conditions)
    if attention == ANY_ALERT:
        return filter_by_any_alert(filtered)
    return filter_by_alert(filtered, AlertReason(attention)) if attention else filtered


def _build_status_condition(statuses: Collection[str]) -> Q:
    """Return the condition on users annotated with their status; the common ones do without it."""
    plain = {
        PENDING: build_pending_condition(),
        AccountStatus.BLOCKED: Q(blocked_at__isnull=False),
        AccountStatus.ACTIVE: build_open_filter() & Q(accepted_at__isnull=False),
    }
    computed = [status for status in statuses if status not in plain]
    condition = Q(status__in=computed) if computed else Q()
    for status in statuses:
        condition |= plain.get(status, Q())
    return condition


def build_pending_condition() -> Q:
    """Return the condition that users were invited and still can accept, or could after another invitation."""
    return build_open_filter() & Q(
        Q(invitation=None) | ~Q(invitation__state=Invitation.State.REVOKED), accepted_at=None
    )


def build_without_factor_condition() -> Q:
    """Return the condition that a user can sign in on the website with a password only."""
    return build_open_filter() & Q(
        login_method=LoginMethod.WEBSITE_SSO, accepted_at__isnull=False, second_factor_at=None
    )


def _build_two_factor_condition(values: Collection[str]) -> Q:
    condition = Q(two_factor__in=values) if values else Q()
    return condition | build_without_factor_condition() if WITHOUT_FACTOR in values else condition


def _build_team_condition(values: Collection[str]) -> Q:
    if not values:
        return Q()
    memberships = TeamMember.objects.filter(provider=OuterRef("provider"), user=OuterRef("pk"))
    condition = Q(Exists(memberships.filter(team__in=[value for value in values if value != WITHOUT_TEAM])))
    return condition | Q(~Exists(memberships)) if WITHOUT_TEAM in values else condition


def _build_end_date_condition(value: str) -> Q:
    today = timezone.localdate()
    conditions = {
        EndDateFilter.NONE: Q(access_until=None),
        EndDateFilter.SET: Q(access_until__isnull=False),
        EndDateFilter.ENDING: Q(access_until__range=(today, today + ENDING_WITHIN)),
        EndDateFilter.PASSED: Q(access_until__lt=today),
    }
    return conditions[EndDateFilter(value)] if value else Q()


def _build_last_login_condition(value: str) -> Q:
    now = timezone.now()
    conditions = {
        LastLoginFilter.NEVER: Q(last_login=None),
        LastLoginFilter.WITHIN_30: Q(last_login__gte=now - timedelta(days=30)),
        LastLoginFilter.OVER_90: Q(last_login__lt=now - timedelta(days=90)),
        LastLoginFilter.OVER_180: Q(last_login__lt=now - timedelta(days=180)),
    }
    return conditions[LastLoginFilter(value)] if value else Q()


def list_countable_conditions() -> list[tuple[str, str, Q]]:
    """Return the name and value of the filters that a list counts by their conditions alone."""
    return [
        ("team", WITHOUT_TEAM, _build_team_condition([WITHOUT_TEAM])),
        *(("access_until", value, _build_end_date_condition(value)) for value in EndDateFilter.values),
        *(("last_login", value, _build_last_login_condition(value)) for value in LastLoginFilter.values),
    ]
