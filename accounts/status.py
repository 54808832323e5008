"""Account status and two-factor status, computed in the database so that lists can filter on them."""

from dataclasses import dataclass
from datetime import date

from django.db import models
from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod, User
from invitations.models import Invitation
from outbox.models import Message
from signin.factors import with_duty


class Status(models.TextChoices):
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


class TwoFactor(models.TextChoices):
    """Two-factor status of a user; '' for login methods without two-factor here."""

    ACTIVE = "active", gettext_lazy("Active")
    MISSING = "missing", gettext_lazy("Required, not set up")
    NOT_REQUIRED = "not_required", gettext_lazy("Not required")


def with_two_factor(users: QuerySet[User]) -> QuerySet[User]:
    """Return `users` annotated with `two_factor`, a TwoFactor."""
    is_missing = When(factor_due__isnull=False, then=Value(TwoFactor.MISSING))
    is_active = When(second_factor_at__isnull=False, then=Value(TwoFactor.ACTIVE))
    elsewhere = When(~Q(login_method=LoginMethod.WEBSITE_SSO), then=Value(""))
    two_factor = Case(
        elsewhere, is_active, is_missing, default=Value(TwoFactor.NOT_REQUIRED), output_field=models.CharField()
    )
    return with_duty(users).annotate(two_factor=two_factor)


def two_factor_share(users: QuerySet[User]) -> dict[str, int]:
    """Count the website users among `users` who can sign in: all, with two-factor, and those who must set it up.

    Users for whom it becomes mandatory on a future date are included, as in the list.
    """
    able = users.filter(
        Q(access_until=None) | Q(access_until__gte=timezone.localdate()),
        login_method=LoginMethod.WEBSITE_SSO,
        accepted_at__isnull=False,
        blocked_at=None,
    )
    return with_duty(able).aggregate(
        all=Count("pk"),
        active=Count("pk", filter=Q(second_factor_at__isnull=False)),
        missing=Count("pk", filter=Q(second_factor_at=None, factor_due__isnull=False)),
    )


def with_status(users: QuerySet[User]) -> QuerySet[User]:
    """Return `users` with their invitation and its message, annotated with `status` and `two_factor`."""
    return with_two_factor(with_access(users).select_related("invitation__message", "external_tenant"))


def with_access(users: QuerySet[User]) -> QuerySet[User]:
    """Return `users` annotated with `status`, the first of Status that applies."""
    now, state = timezone.now(), Invitation.State
    conditions = {
        Status.BLOCKED: Q(blocked_at__isnull=False),
        Status.ENDED: Q(access_until__lt=timezone.localdate()),
        Status.ACTIVE: Q(accepted_at__isnull=False),
        Status.REVOKED: Q(invitation__state=state.REVOKED),
        Status.LOCKED: Q(invitation__state=state.LOCKED),
        Status.EXPIRED: Q(invitation__state=state.EXPIRED) | Q(invitation__expires_at__lte=now),
        Status.REFUSED: Q(invitation__refused_at__isnull=False),
        Status.UNDELIVERED: Q(invitation__message__state__in=[Message.State.FAILED, Message.State.BOUNCED]),
        Status.OPENED: Q(invitation__opened_at__isnull=False),
        Status.SENDING: Q(invitation__message__state__in=[Message.State.QUEUED, Message.State.DEFERRED]),
    }
    whens = [When(condition, then=Value(status)) for status, condition in conditions.items()]
    return users.annotate(status=Case(*whens, default=Value(Status.INVITED), output_field=models.CharField()))


@dataclass(frozen=True)
class Chip:
    """A state as shown: a mark and a label, never color alone, with an optional detail.

    Without a mark it is rendered as muted text.
    """

    tone: str
    mark: str
    label: str
    detail: str = ""

    def __str__(self) -> SafeString:
        """Return the HTML: lists render one per row, where including a template would double the time."""
        chip = '<span class="chip {}"><span aria-hidden="true">{}</span> {}</span>'
        word = '<span class="muted">{2}</span>'
        shown = format_html(chip if self.mark else word, self.tone, self.mark, self.label)
        return format_html('{}<span class="detail">{}</span>', shown, self.detail) if self.detail else shown


_LOOKS = {
    Status.BLOCKED: ("danger", "⊘"),
    Status.ENDED: ("neutral", "○"),
    Status.ACTIVE: ("success", "●"),
    Status.REVOKED: ("neutral", "○"),
    Status.LOCKED: ("danger", "✕"),
    Status.EXPIRED: ("neutral", "○"),
    Status.REFUSED: ("danger", "✕"),
    Status.UNDELIVERED: ("danger", "✕"),
    Status.OPENED: ("warning", "◑"),
    Status.SENDING: ("warning", "◔"),
    Status.INVITED: ("warning", "◔"),
}


def chip(user: User) -> Chip:
    """Return the chip for the status of `user`, who comes from `with_status`."""
    status = Status(user.status)  # type: ignore[attr-defined]
    tone, mark = _LOOKS[status]
    return Chip(tone, mark, str(status.label), _detail(status, user))


def two_factor_chip(user: User) -> Chip:
    """Return the chip for `two_factor` of `user`, who comes from `with_two_factor`."""
    state: str = user.two_factor  # type: ignore[attr-defined]
    if state == TwoFactor.ACTIVE:
        return Chip("success", "●", _("Active"))
    if state == TwoFactor.MISSING:
        due: date = user.factor_due  # type: ignore[attr-defined]
        detail = _("from %(day)s") % {"day": f"{due:%d-%m-%Y}"} if due > timezone.localdate() else _("not set up yet")
        return Chip("warning", "◔", _("Required"), detail)
    return Chip("", "", _("not required") if state else _("not applicable"))


def _detail(status: Status, user: User) -> str:
    if status == Status.ACTIVE and user.access_until:
        return _("until %(date)s") % {"date": f"{user.access_until:%d-%m-%Y}"}
    if status == Status.UNDELIVERED:
        return user.invitation.message.error
    if status == Status.LOCKED:
        return _("too many incorrect codes")
    if status == Status.SENDING and user.invitation.message.state == Message.State.DEFERRED:
        return _("the mail server is asking us to wait")
    if status in (Status.OPENED, Status.INVITED):
        return _("expires in %(time)s") % {"time": timeuntil(user.invitation.expires_at, depth=1)}
    return ""
