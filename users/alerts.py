"""Alerts of the home page: which users need attention today, why, and what to do about it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from django.db import models
from django.db.models import DateField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext_lazy

from accounts.models import User
from authentication.mfa.status import TwoFactorStatus, annotate_two_factor
from permissions.models import IndividualRight, TeamMember
from users.dormant_accounts import ReviewReason, ReviewThresholds, filter_users_to_review
from users.status import AccountStatus, UserWithStatuses, annotate_account_status

_ALERT_ICONS = {"danger": "✕", "warning": "◔", "neutral": "○"}
MAX_ALERT_COUNT = 100  # counting stops here
EXPIRING_WITHIN, ENDING_WITHIN = timedelta(days=2), timedelta(days=14)


class AlertReason(models.TextChoices):
    """Why a user needs attention; reasons that keep users out come first."""

    UNDELIVERED = "undelivered", gettext_lazy("Invitation not delivered")
    LOCKED = "locked", pgettext_lazy("attention", "Invitation locked")
    REFUSED = "refused", gettext_lazy("Needs resending")
    EXPIRED = "expired", pgettext_lazy("attention", "Invitation expired")
    EXPIRING = "expiring", gettext_lazy("Invitation expires within 2 days")
    TWO_FACTOR = "two_factor", gettext_lazy("Two-factor required, not set up")
    WITHOUT_RIGHTS = "without_rights", gettext_lazy("No team and no rights")
    ENDING = "ending", gettext_lazy("Access ends within 14 days")
    DORMANT = "dormant", gettext_lazy("Not logged in for 90 days")


class _AlertTexts(NamedTuple):
    """Texts and tone of an alert."""

    tone: str
    sentence: Any  # of ngettext_lazy, for which django-stubs has no type that takes values
    advice: Promise


_ALERT_TEXTS = {
    AlertReason.UNDELIVERED: _AlertTexts(
        "danger",
        ngettext_lazy("%(count)s invitation was not delivered", "%(count)s invitations were not delivered", "number"),
        gettext_lazy("Check the address and resend the invitation."),
    ),
    AlertReason.LOCKED: _AlertTexts(
        "danger",
        ngettext_lazy("%(count)s invitation is locked", "%(count)s invitations are locked", "number"),
        gettext_lazy("An incorrect code was entered too many times. Resend the invitation."),
    ),
    AlertReason.REFUSED: _AlertTexts(
        "danger",
        ngettext_lazy(
            "%(count)s invitation could not be accepted", "%(count)s invitations could not be accepted", "number"
        ),
        gettext_lazy("The sender no longer has enough rights. An administrator must resend the invitation."),
    ),
    AlertReason.EXPIRED: _AlertTexts(
        "danger",
        ngettext_lazy("%(count)s invitation has expired", "%(count)s invitations have expired", "number"),
        gettext_lazy("The link no longer works. Resend or revoke the invitation."),
    ),
    AlertReason.EXPIRING: _AlertTexts(
        "warning",
        ngettext_lazy(
            "%(count)s invitation expires within 2 days", "%(count)s invitations expire within 2 days", "number"
        ),
        gettext_lazy("Remind your colleague or resend the invitation."),
    ),
    AlertReason.TWO_FACTOR: _AlertTexts(
        "warning",
        ngettext_lazy(
            "%(count)s colleague must still set up two-factor", "%(count)s colleagues must still set up two-factor",
            "number",
        ),
        gettext_lazy("Rights are inactive without two-factor. Ask your colleagues to set it up."),
    ),
    AlertReason.WITHOUT_RIGHTS: _AlertTexts(
        "warning",
        ngettext_lazy(
            "%(count)s colleague has no team and no rights", "%(count)s colleagues have no team and no rights", "number"
        ),
        gettext_lazy("Users without a team cannot do anything. Choose a team."),
    ),
    AlertReason.ENDING: _AlertTexts(
        "warning",
        ngettext_lazy("%(count)s account ends within 14 days", "%(count)s accounts end within 14 days", "number"),
        gettext_lazy("Extend the end date for colleagues who are staying."),
    ),
    AlertReason.DORMANT: _AlertTexts(
        "neutral",
        ngettext_lazy(
            "%(count)s account was not used for 90 days", "%(count)s accounts were not used for 90 days", "number"
        ),
        gettext_lazy("Block accounts that are no longer needed."),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Alert:
    """The number of users with one alert; `first` is the day on which it takes effect, or None if not applicable."""

    reason: AlertReason
    count: int
    first: date | None = None

    @property
    def tone(self) -> str:
        """Meaning of the color, as for a chip."""
        return _ALERT_TEXTS[self.reason].tone

    @property
    def icon(self) -> str:
        """Sign shown beside the color."""
        return _ALERT_ICONS[self.tone]

    @property
    def sentence(self) -> str:
        """The number of users, in words."""
        shown = (
            _("%(count)s or more") % {"count": MAX_ALERT_COUNT} if self.count >= MAX_ALERT_COUNT else str(self.count)
        )
        return str(_ALERT_TEXTS[self.reason].sentence % {"number": self.count, "count": shown})

    @property
    def advice(self) -> str:
        if self.first is not None and self.first > timezone.localdate():
            return _("Required from %(date)s; without it, rights are inactive.") % {"date": date_format(self.first)}
        return str(_ALERT_TEXTS[self.reason].advice)


def filter_by_alert(users: QuerySet[UserWithStatuses], reason: AlertReason) -> QuerySet[UserWithStatuses]:
    """Return unblocked users, whose access has not ended, that need attention for `reason`."""
    if reason is AlertReason.DORMANT:
        dormant = filter_users_to_review(users, ReviewReason.DORMANT, ReviewThresholds())
        return cast("QuerySet[UserWithStatuses]", dormant)  # it keeps the annotations of `users`
    today, now = timezone.localdate(), timezone.now()
    invited = Q(accepted_at=None)
    in_team = Exists(TeamMember.objects.filter(provider=OuterRef("provider"), user=OuterRef("pk")))
    has_right = Exists(IndividualRight.objects.filter(provider=OuterRef("provider"), user=OuterRef("pk")))
    conditions = {
        AlertReason.UNDELIVERED: invited & Q(status=AccountStatus.UNDELIVERED),
        AlertReason.LOCKED: invited & Q(status=AccountStatus.LOCKED),
        AlertReason.REFUSED: invited & Q(status=AccountStatus.REFUSED),
        AlertReason.EXPIRED: invited & Q(status=AccountStatus.EXPIRED),
        AlertReason.EXPIRING: invited
        & Q(
            status__in=[AccountStatus.OPENED, AccountStatus.SENDING, AccountStatus.INVITED],
            invitation__expires_at__lte=now + EXPIRING_WITHIN,
        ),
        AlertReason.TWO_FACTOR: Q(accepted_at__isnull=False, two_factor=TwoFactorStatus.MISSING),
        AlertReason.WITHOUT_RIGHTS: ~in_team & ~has_right,
        AlertReason.ENDING: Q(access_until__lte=today + ENDING_WITHIN),
    }
    open_ = users.filter(Q(access_until=None) | Q(access_until__gte=today), blocked_at=None)
    return open_.filter(conditions[reason])


def count_alerts(users: QuerySet[User], reasons: Collection[AlertReason]) -> list[Alert]:
    """Return the alerts of `reasons` that apply to any of `users`, counted up to MAX_ALERT_COUNT. One query."""
    if not reasons:
        return []
    people: QuerySet[Any] = annotate_two_factor(annotate_account_status(users))
    parts = [
        filter_by_alert(people, reason)
        .order_by()
        .annotate(why=Value(reason.value), day=_build_first_day(reason))
        .values_list("why", "day")[:MAX_ALERT_COUNT]
        for reason in reasons
    ]
    rows = list(parts[0].union(*parts[1:], all=True))
    numbers = Counter(why for why, _day in rows)
    days = {reason: [day for why, day in rows if why == reason and day is not None] for reason in reasons}
    return [
        Alert(reason, numbers[reason], min(days[reason], default=None) if numbers[reason] < MAX_ALERT_COUNT else None)
        for reason in AlertReason
        if numbers[reason]
    ]


def _build_first_day(reason: AlertReason) -> Any:
    return F("factor_due") if reason is AlertReason.TWO_FACTOR else Cast(Value(None), DateField())
