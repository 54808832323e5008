"""Account status and two-factor status, computed in the database so that lists can filter on them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from django.db import models
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts.models import User
from authentication.mfa.status import TwoFactorAnnotations, TwoFactorStatus, UserWithTwoFactor, annotate_two_factor
from core.dates import format_short_day, format_upcoming
from invitations.models import Invitation
from outbox.models import Message

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class AccountStatus(models.TextChoices):
    """Status of a user; the first that applies counts."""

    BLOCKED = "blocked", gettext_lazy("Blocked")
    ENDED = "ended", gettext_lazy("Access ended")
    ACTIVE = "active", gettext_lazy("Has access")
    REVOKED = "revoked", gettext_lazy("Invitation revoked")
    LOCKED = "locked", gettext_lazy("Invitation locked")
    EXPIRED = "expired", gettext_lazy("Invitation expired")
    REFUSED = "refused", gettext_lazy("Needs resending")
    UNDELIVERED = "undelivered", gettext_lazy("Not delivered")
    OPENED = "opened", gettext_lazy("Opened")
    SENDING = "sending", gettext_lazy("Sending")
    INVITED = "invited", gettext_lazy("Invited")


# The invitation must be sent again.
FAILED_STATUSES = (
    AccountStatus.LOCKED, AccountStatus.EXPIRED, AccountStatus.REFUSED, AccountStatus.UNDELIVERED
)  # fmt: skip


class AccountStatusAnnotation(TypedDict):
    status: str


class StatusAnnotations(AccountStatusAnnotation, TwoFactorAnnotations):
    """The account status and the two-factor status of a user."""


UserWithAccountStatus: TypeAlias = "WithAnnotations[User, AccountStatusAnnotation]"
UserWithStatuses: TypeAlias = "WithAnnotations[User, StatusAnnotations]"


def annotate_statuses(users: QuerySet[User]) -> QuerySet[UserWithStatuses]:
    """Return `users` with their invitation and its message, annotated with `status` and `two_factor`."""
    annotated = annotate_two_factor(users).annotate(status=build_status_case())
    return annotated.select_related("invitation__message", "external_tenant")


def annotate_account_status(users: QuerySet[User]) -> QuerySet[UserWithAccountStatus]:
    return users.annotate(status=build_status_case())


def build_status_case() -> Case:
    now, state = timezone.now(), Invitation.State
    conditions = {
        AccountStatus.BLOCKED: Q(blocked_at__isnull=False),
        AccountStatus.ENDED: Q(access_until__lt=timezone.localdate()),
        AccountStatus.ACTIVE: Q(accepted_at__isnull=False),
        AccountStatus.REVOKED: Q(invitation__state=state.REVOKED),
        AccountStatus.LOCKED: Q(invitation__state=state.LOCKED),
        AccountStatus.EXPIRED: Q(invitation__state=state.EXPIRED) | Q(invitation__expires_at__lte=now),
        AccountStatus.REFUSED: Q(invitation__refused_at__isnull=False),
        AccountStatus.UNDELIVERED: Q(invitation__message__state__in=Message.UNDELIVERED_STATES),
        AccountStatus.OPENED: Q(invitation__opened_at__isnull=False),
        AccountStatus.SENDING: Q(invitation__message__state__in=[Message.State.QUEUED, Message.State.DEFERRED]),
    }
    whens = [When(condition, then=Value(status)) for status, condition in conditions.items()]
    return Case(*whens, default=Value(AccountStatus.INVITED), output_field=models.CharField())


@dataclass(frozen=True)
class Chip:
    """A displayed state: a shape and a label, never color alone.

    `shape` is good, attention, bad, none or blocked. `short` is what a row of a list has room for besides the label.
    """

    shape: str
    label: str
    detail: str = ""
    short: str = ""

    def __str__(self) -> SafeString:
        """Return the HTML: lists render one per row, where including a template would double the time."""
        html = format_html('<span class="mark {}">{}</span>', self.shape, self.label)
        return format_html('{}<span class="detail">{}</span>', html, self.detail) if self.detail else html

    def as_cell(self) -> SafeString:
        """Return the HTML on one line; the detail is in the title."""
        short = format_html(" <small>{}</small>", self.short) if self.short else ""
        title = format_html(' title="{}"', self.detail) if self.detail else ""
        return format_html('<span class="mark {}"{}>{}</span>{}', self.shape, title, self.label, short)


_SHAPES = {
    AccountStatus.BLOCKED: "blocked",
    AccountStatus.ENDED: "none",
    AccountStatus.ACTIVE: "good",
    AccountStatus.REVOKED: "none",
    AccountStatus.LOCKED: "bad",
    AccountStatus.EXPIRED: "bad",
    AccountStatus.REFUSED: "bad",
    AccountStatus.UNDELIVERED: "bad",
    AccountStatus.OPENED: "attention",
    AccountStatus.SENDING: "attention",
    AccountStatus.INVITED: "attention",
}


def build_status_chip(user: UserWithAccountStatus) -> Chip:
    status = AccountStatus(user.status)
    return Chip(_SHAPES[status], str(status.label), _get_chip_detail(status, user), _get_short_detail(status, user))


def lacks_two_factor(user: User) -> bool:
    """Return whether `user` logs in with a password only."""
    return user.is_website_user and user.accepted_at is not None and user.second_factor_at is None


def build_two_factor_chip(user: UserWithTwoFactor) -> Chip:
    state, due = user.two_factor, user.factor_due
    if state == TwoFactorStatus.ACTIVE:
        return Chip("good", _("Active"))
    if not state:
        return Chip("none", pgettext("two-factor", "n/a"))
    if user.accepted_at is None:
        return Chip("none", _("On acceptance"), _("required") if state == TwoFactorStatus.MISSING else "")
    if state == TwoFactorStatus.MISSING:
        is_later = due is not None and due > timezone.localdate()
        detail = _("required from %(day)s") % {"day": f"{due:%d-%m-%Y}"} if is_later else _("required, not set up yet")
        return Chip("attention", pgettext("two-factor", "Missing"), detail)
    return Chip("none", _("Not set up"))


def _get_short_detail(status: AccountStatus, user: User) -> str:
    if status in (AccountStatus.OPENED, AccountStatus.INVITED):
        left = user.invitation.expires_at - timezone.now()
        if left.days:
            return _("%(days)d d left") % {"days": left.days}
        return _("%(hours)d h left") % {"hours": left.seconds // 3600}
    at = {AccountStatus.BLOCKED: user.blocked_at, AccountStatus.ENDED: user.access_until}.get(status)
    return format_short_day(at)


def _get_chip_detail(status: AccountStatus, user: User) -> str:
    if status == AccountStatus.ACTIVE and user.access_until:
        return _("until %(date)s") % {"date": f"{user.access_until:%d-%m-%Y}"}
    if status == AccountStatus.UNDELIVERED:
        message = user.invitation.message
        blocked_first = _("the account was blocked first") if message.is_canceled else ""
        return message.failure_reason or message.error or blocked_first
    if status == AccountStatus.LOCKED:
        return _("too many incorrect codes")
    if status == AccountStatus.SENDING and user.invitation.message.is_scheduled:
        return _("will be sent %(time)s") % {"time": format_upcoming(user.invitation.message.due)}
    if status == AccountStatus.SENDING and user.invitation.message.state == Message.State.DEFERRED:
        return _("the mail server is asking us to wait")
    if status in (AccountStatus.OPENED, AccountStatus.INVITED):
        return _("expires in %(time)s") % {"time": timeuntil(user.invitation.expires_at, depth=1)}
    return ""
