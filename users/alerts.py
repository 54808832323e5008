"""Alerts of the home page: which users need attention today, why, and what to do about it."""

from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from django.db import models
from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.lookups import IsNull
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from accounts.models import LoginMethod, Provider, User
from authentication.mfa import build_factor_due
from authentication.mfa.status import TwoFactorStatus, filter_missing_factor, find_first_due
from core.key_sets import has_key_among
from core.paging import MAX_COUNT, format_count
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from permissions.inactive import build_open_filter
from permissions.models import IndividualRight, TeamMember
from users.dormant_accounts import ReviewReason, ReviewThresholds, filter_users_to_review
from users.status import AccountStatus, UserWithStatuses, annotate_account_status

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


# Each but EXPIRING is an account status as well.
_INVITATION_REASONS = (
    AlertReason.UNDELIVERED, AlertReason.LOCKED, AlertReason.REFUSED, AlertReason.EXPIRED, AlertReason.EXPIRING
)  # fmt: skip


class _AlertTexts(NamedTuple):
    tone: str
    icon: str
    action: Promise
    sentence: Callable[[int], str]  # a plural of `ngettext_lazy` takes 34 kB
    advice: Promise


_ALERT_TEXTS = {
    AlertReason.UNDELIVERED: _AlertTexts(
        "danger", "mail", pgettext_lazy("alert", "Correct"),
        lambda n: ngettext("%(count)s invitation was not delivered", "%(count)s invitations were not delivered", n),
        gettext_lazy("Check the address and resend the invitation."),
    ),
    AlertReason.LOCKED: _AlertTexts(
        "danger", "lock", pgettext_lazy("alert", "Resend"),
        lambda n: ngettext("%(count)s invitation is locked", "%(count)s invitations are locked", n),
        gettext_lazy("An incorrect code was entered too many times. Resend the invitation."),
    ),
    AlertReason.REFUSED: _AlertTexts(
        "danger", "mail", pgettext_lazy("alert", "Resend"),
        lambda n: ngettext(
            "%(count)s invitation could not be accepted", "%(count)s invitations could not be accepted", n
        ),
        gettext_lazy("The sender no longer has enough rights. An administrator must resend the invitation."),
    ),
    AlertReason.EXPIRED: _AlertTexts(
        "danger", "clock", pgettext_lazy("alert", "Resend"),
        lambda n: ngettext("%(count)s invitation has expired", "%(count)s invitations have expired", n),
        gettext_lazy("The link no longer works. Resend or revoke the invitation."),
    ),
    AlertReason.EXPIRING: _AlertTexts(
        "warning", "clock", pgettext_lazy("alert", "View"),
        lambda n: ngettext(
            "%(count)s invitation expires within 2 days", "%(count)s invitations expire within 2 days", n
        ),
        gettext_lazy("Remind your colleague or resend the invitation."),
    ),
    AlertReason.TWO_FACTOR: _AlertTexts(
        "warning", "shieldx", pgettext_lazy("alert", "View"),
        lambda n: ngettext(
            "%(count)s colleague must still set up two-factor", "%(count)s colleagues must still set up two-factor",
            n,
        ),
        gettext_lazy("Rights are inactive without two-factor. Ask your colleagues to set it up."),
    ),
    AlertReason.WITHOUT_RIGHTS: _AlertTexts(
        "warning", "team", pgettext_lazy("alert", "Choose teams"),
        lambda n: ngettext(
            "%(count)s colleague has no team and no rights", "%(count)s colleagues have no team and no rights", n
        ),
        gettext_lazy("Users without a team cannot do anything. Choose a team."),
    ),
    AlertReason.ENDING: _AlertTexts(
        "warning", "clock", pgettext_lazy("alert", "View"),
        lambda n: ngettext("%(count)s account ends within 14 days", "%(count)s accounts end within 14 days", n),
        gettext_lazy("Extend the end date for colleagues who are staying."),
    ),
    AlertReason.DORMANT: _AlertTexts(
        "", "clock", pgettext_lazy("alert", "Clean up"),
        lambda n: ngettext(
            "%(count)s account has not been used for 90 days",
            "%(count)s accounts have not been used for 90 days",
            n,
        ),
        gettext_lazy("Block accounts that are no longer needed."),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Alert:
    """The number of users with one alert; `first` is the future day on which it takes effect, or None."""

    reason: AlertReason
    count: int
    first: date | None = None

    @property
    def tone(self) -> str:
        return _ALERT_TEXTS[self.reason].tone

    @property
    def icon(self) -> str:
        return _ALERT_TEXTS[self.reason].icon

    @property
    def action(self) -> Promise:
        return _ALERT_TEXTS[self.reason].action

    @property
    def url(self) -> str:
        return f"{reverse('users:user_list')}?attention={self.reason.value}"

    @property
    def sentence(self) -> str:
        return capfirst(_ALERT_TEXTS[self.reason].sentence(self.count) % {"count": format_count(self.count)})

    @property
    def advice(self) -> str:
        if self.first is not None:
            return _("Required from %(date)s; without it, rights are inactive.") % {"date": date_format(self.first)}
        return str(_ALERT_TEXTS[self.reason].advice)


def filter_by_alert(users: QuerySet[UserWithStatuses], reason: AlertReason) -> QuerySet[UserWithStatuses]:
    """Return unblocked users, whose access has not ended, that need attention for `reason`."""
    if reason is AlertReason.DORMANT:
        dormant = filter_users_to_review(users, ReviewReason.DORMANT, ReviewThresholds())
        return cast("QuerySet[UserWithStatuses]", dormant)  # it keeps the annotations of `users`
    condition = _build_conditions().get(reason) or Q(accepted_at=None, status=reason.value)
    return users.filter(build_open_filter()).filter(condition)


def filter_by_any_alert(users: QuerySet[UserWithStatuses]) -> QuerySet[UserWithStatuses]:
    return users.filter(build_any_alert_condition())


def build_any_alert_condition() -> Q:
    """Return the condition that one of the alerts applies to a user.

    It says of an invitation what its status would, without the status of each user.
    """
    dormant_since, state = timezone.now() - timedelta(days=ReviewThresholds().days), Invitation.State
    is_troubled = (
        Q(invitation__state__in=[state.LOCKED, state.EXPIRED])
        | Q(invitation__expires_at__lte=timezone.now() + EXPIRING_WITHIN)
        | Q(invitation__refused_at__isnull=False)
        | Q(invitation__message__state__in=Message.UNDELIVERED_STATES)
    )
    is_dormant = Q(last_login__lt=dormant_since) | Q(last_login=None, accepted_at__lt=dormant_since)
    lacks_factor = Q(IsNull(build_factor_due(), False), login_method=LoginMethod.WEBSITE_SSO, second_factor_at=None)
    return build_open_filter() & (
        Q(Q(is_troubled), ~Q(invitation__state=state.REVOKED), accepted_at=None, invitation__isnull=False)
        | Q(is_dormant | lacks_factor, accepted_at__isnull=False)
        | _build_without_rights_condition()
        | _build_ending_condition()
    )


def _build_conditions() -> dict[AlertReason, Q]:
    """Return the conditions of the alerts that are no account status, except for DORMANT."""
    return {
        AlertReason.EXPIRING: Q(accepted_at=None) & _build_expiring_condition(),
        AlertReason.TWO_FACTOR: Q(accepted_at__isnull=False, two_factor=TwoFactorStatus.MISSING),
        AlertReason.WITHOUT_RIGHTS: _build_without_rights_condition(),
        AlertReason.ENDING: _build_ending_condition(),
    }


def _build_without_rights_condition() -> Q:
    in_team = Exists(TeamMember.objects.filter(provider=OuterRef("provider"), user=OuterRef("pk")))
    has_right = Exists(IndividualRight.objects.filter(provider=OuterRef("provider"), user=OuterRef("pk")))
    return ~in_team & ~has_right


def _build_ending_condition() -> Q:
    return Q(access_until__lte=timezone.localdate() + ENDING_WITHIN)


def _build_expiring_condition() -> Q:
    until = timezone.now() + EXPIRING_WITHIN
    waiting = [AccountStatus.OPENED, AccountStatus.SENDING, AccountStatus.INVITED]
    return Q(status__in=waiting, invitation__expires_at__lte=until)


class RowCount(Subquery):
    """The number of rows of a queryset, which may be sliced."""

    template = "(SELECT count(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def list_alert_reasons(held: Container[Right]) -> list[AlertReason]:
    """Return the reasons for alerts that a user with these rights can act on."""
    if not (Right.VIEW_USERS in held and Right.MANAGE_USERS in held):
        return []
    equips = Right.MANAGE_TEAMS in held or Right.GRANT_RIGHTS in held
    return [reason for reason in AlertReason if equips or reason is not AlertReason.WITHOUT_RIGHTS]


def count_alerts(user: User, reasons: Collection[AlertReason]) -> list[Alert]:
    """Return the alerts of `reasons` in the office of `user`, each counted up to MAX_COUNT + 1.

    One query, or two if the office requires two-factor of all its users.
    """
    if not reasons:
        return []
    parts = build_alert_counts(user, reasons, limit=MAX_COUNT + 1)
    counts = dict(parts[0].union(*parts[1:], all=True).values_list("alert", "number"))
    return [
        Alert(
            reason,
            number,
            find_first_due(_filter_missing(user), user.office) if reason is AlertReason.TWO_FACTOR else None,
        )
        for reason in AlertReason
        if reason in reasons and (number := counts.get(reason))
    ]


def build_alert_counts(user: User, reasons: Collection[AlertReason], *, limit: int) -> list[QuerySet[Any, Any]]:
    """Return querysets of `alert` and `number`, to join by UNION; but for invitations, counting stops at `limit`."""
    users, office = User.objects.visible_to(user), user.office
    parts = [_count_invited_by_status(users, office)]
    for reason in reasons:
        if reason not in _INVITATION_REASONS:
            is_missing = reason is AlertReason.TWO_FACTOR
            found = _filter_missing(user) if is_missing else filter_by_alert(cast(Any, users), reason)
            row_count = RowCount(found.order_by().values("pk")[:limit])
            parts.append(Provider.objects.filter(pk=office.pk).values(alert=Value(reason.value), number=row_count))
    return parts


def _filter_missing(user: User) -> QuerySet[User]:
    return filter_missing_factor(User.objects.visible_to(user).filter(build_open_filter()), user.office)


def _count_invited_by_status(users: QuerySet[User], office: Provider) -> QuerySet[Any, Any]:
    """Return the number of invited users for each `alert`: EXPIRING, or the account status, which may be no alert.

    Only of invitations that an index finds: all those with an alert, and few others.
    """
    until, state = timezone.now() + EXPIRING_WITHIN, Invitation.State
    found = Invitation.objects.filter(
        Q(state__in=[state.LOCKED, state.EXPIRED])
        | Q(state=state.OPEN, expires_at__lte=until)
        | Q(refused_at__isnull=False),
        provider=office,
    )
    undelivered = Message.objects.filter(provider_id=office.pk, state__in=[Message.State.FAILED, Message.State.BOUNCED])
    found_users = found.values("user_id").union(
        Invitation.objects.filter(provider=office, message__in=undelivered).values("user_id"), all=True
    )
    expiring = When(_build_expiring_condition(), then=Value(AlertReason.EXPIRING.value))
    invited = annotate_account_status(
        users.filter(build_open_filter()).filter(has_key_among(found_users), accepted_at=None)
    )
    return invited.values(alert=Case(expiring, default=F("status"))).annotate(number=Count("pk"))
