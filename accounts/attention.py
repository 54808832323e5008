"""Alerts of the home page: which users need attention today, why, and what to do about it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db import models
from django.db.models import DateField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext_lazy

from accounts.hygiene import Chore, Measures, found
from accounts.models import User
from accounts.status import Status, TwoFactor, with_access, with_two_factor
from teams.models import IndividualRight, TeamMember

_MARKS = {"danger": "✕", "warning": "◔", "neutral": "○"}
MANY = 100  # counting stops here
EXPIRING, ENDING = timedelta(days=2), timedelta(days=14)


class Attention(models.TextChoices):
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


class _Words(NamedTuple):
    """Texts and tone of an alert."""

    tone: str
    sentence: Any  # of ngettext_lazy, for which django-stubs has no type that takes values
    advice: Promise


_WORDS = {
    Attention.UNDELIVERED: _Words(
        "danger",
        ngettext_lazy("%(count)s invitation was not delivered", "%(count)s invitations were not delivered", "number"),
        gettext_lazy("Check the address and resend the invitation."),
    ),
    Attention.LOCKED: _Words(
        "danger",
        ngettext_lazy("%(count)s invitation is locked", "%(count)s invitations are locked", "number"),
        gettext_lazy("An incorrect code was entered too many times. Resend the invitation."),
    ),
    Attention.REFUSED: _Words(
        "danger",
        ngettext_lazy(
            "%(count)s invitation could not be accepted", "%(count)s invitations could not be accepted", "number"
        ),
        gettext_lazy("The sender no longer has enough rights. An administrator must resend the invitation."),
    ),
    Attention.EXPIRED: _Words(
        "danger",
        ngettext_lazy("%(count)s invitation has expired", "%(count)s invitations have expired", "number"),
        gettext_lazy("The link no longer works. Resend or revoke the invitation."),
    ),
    Attention.EXPIRING: _Words(
        "warning",
        ngettext_lazy(
            "%(count)s invitation expires within 2 days", "%(count)s invitations expire within 2 days", "number"
        ),
        gettext_lazy("Remind your colleague or resend the invitation."),
    ),
    Attention.TWO_FACTOR: _Words(
        "warning",
        ngettext_lazy(
            "%(count)s colleague must still set up two-factor", "%(count)s colleagues must still set up two-factor",
            "number",
        ),
        gettext_lazy("Rights are inactive without two-factor. Ask your colleagues to set it up."),
    ),
    Attention.WITHOUT_RIGHTS: _Words(
        "warning",
        ngettext_lazy(
            "%(count)s colleague has no team and no rights", "%(count)s colleagues have no team and no rights", "number"
        ),
        gettext_lazy("Users without a team cannot do anything. Choose a team."),
    ),
    Attention.ENDING: _Words(
        "warning",
        ngettext_lazy("%(count)s account ends within 14 days", "%(count)s accounts end within 14 days", "number"),
        gettext_lazy("Extend the end date for colleagues who are staying."),
    ),
    Attention.DORMANT: _Words(
        "neutral",
        ngettext_lazy(
            "%(count)s account was not used for 90 days", "%(count)s accounts were not used for 90 days", "number"
        ),
        gettext_lazy("Block accounts that are no longer needed."),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Asking:
    """The number of users with one alert; `first` is the day on which it takes effect, or None if not applicable."""

    reason: Attention
    number: int
    first: date | None = None

    @property
    def tone(self) -> str:
        """Meaning of the color, as for a chip."""
        return _WORDS[self.reason].tone

    @property
    def mark(self) -> str:
        """Sign shown beside the color."""
        return _MARKS[self.tone]

    @property
    def sentence(self) -> str:
        """The number of users, in words."""
        shown = _("%(count)s or more") % {"count": MANY} if self.number >= MANY else str(self.number)
        return str(_WORDS[self.reason].sentence % {"number": self.number, "count": shown})

    @property
    def advice(self) -> str:
        if self.first is not None and self.first > timezone.localdate():
            return _("Required from %(date)s; without it, rights are inactive.") % {"date": date_format(self.first)}
        return str(_WORDS[self.reason].advice)


def asking(users: QuerySet[User], reason: Attention) -> QuerySet[User]:
    """Return unblocked users, whose access has not ended, that need attention for `reason`.

    `users` come from `with_access` and `with_two_factor`.
    """
    if reason is Attention.DORMANT:
        return found(users, Chore.DORMANT, Measures())
    today, now = timezone.localdate(), timezone.now()
    invited = Q(accepted_at=None)
    in_team = Exists(TeamMember.objects.filter(provider=OuterRef("provider"), user=OuterRef("pk")))
    has_right = Exists(IndividualRight.objects.filter(provider=OuterRef("provider"), user=OuterRef("pk")))
    conditions = {
        Attention.UNDELIVERED: invited & Q(status=Status.UNDELIVERED),
        Attention.LOCKED: invited & Q(status=Status.LOCKED),
        Attention.REFUSED: invited & Q(status=Status.REFUSED),
        Attention.EXPIRED: invited & Q(status=Status.EXPIRED),
        Attention.EXPIRING: invited
        & Q(status__in=[Status.OPENED, Status.SENDING, Status.INVITED], invitation__expires_at__lte=now + EXPIRING),
        Attention.TWO_FACTOR: Q(accepted_at__isnull=False, two_factor=TwoFactor.MISSING),
        Attention.WITHOUT_RIGHTS: ~in_team & ~has_right,
        Attention.ENDING: Q(access_until__lte=today + ENDING),
    }
    open_ = users.filter(Q(access_until=None) | Q(access_until__gte=today), blocked_at=None)
    return open_.filter(conditions[reason])


def counted(users: QuerySet[User], reasons: Collection[Attention]) -> list[Asking]:
    """Return the alerts of `reasons` that apply to any of `users`, counted up to MANY. One query."""
    if not reasons:
        return []
    people: QuerySet[Any] = with_two_factor(with_access(users))
    parts = [
        asking(people, reason)
        .order_by()
        .annotate(why=Value(reason.value), day=_first_day(reason))
        .values_list("why", "day")[:MANY]
        for reason in reasons
    ]
    rows = list(parts[0].union(*parts[1:], all=True))
    numbers = Counter(why for why, _day in rows)
    days = {reason: [day for why, day in rows if why == reason and day is not None] for reason in reasons}
    return [
        Asking(reason, numbers[reason], min(days[reason], default=None) if numbers[reason] < MANY else None)
        for reason in Attention
        if numbers[reason]
    ]


def _first_day(reason: Attention) -> Any:
    return F("factor_due") if reason is Attention.TWO_FACTOR else Cast(Value(None), DateField())
