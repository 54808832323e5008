"""What a user's page says first: the act that helps now, and how far the invitation is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from authentication.mfa.status import TwoFactorStatus
from core.dates import format_upcoming
from invitations.models import Invitation, InvitationCode
from users.status import AccountStatus, UserWithStatuses, lacks_two_factor

_FOLD_AFTER = timedelta(days=7)
_RESENDABLE = frozenset({
    AccountStatus.REVOKED, AccountStatus.LOCKED, AccountStatus.EXPIRED, AccountStatus.REFUSED,
    AccountStatus.UNDELIVERED, AccountStatus.OPENED, AccountStatus.INVITED,
})  # fmt: skip


class NextStep(NamedTuple):
    """The act that helps a user now; with `is_post` it is done at once."""

    label: str
    url: str
    is_post: bool = False


def find_next_step(
    user: UserWithStatuses, *, has_old_password: bool, holds_nothing: bool, may_manage_teams: bool
) -> NextStep | None:
    status = AccountStatus(user.status)
    if status == AccountStatus.BLOCKED:
        return NextStep(_("Unblock"), reverse("users:unblock_user", args=[user.pk]), is_post=True)
    if status == AccountStatus.ENDED:
        return NextStep(_("Change the end date"), reverse("users:edit_user", args=[user.pk]))
    if status in _RESENDABLE:
        return NextStep(_("Resend"), reverse("users:resend_invitation", args=[user.pk]))
    if has_old_password:
        return NextStep(_("Set a new password"), reverse("users:set_password", args=[user.pk]))
    if holds_nothing and may_manage_teams:
        return NextStep(_("Add to teams"), reverse("teams:add_teams", args=[user.pk]))
    if lacks_two_factor(user):
        return NextStep(_("Remind of two-factor"), reverse("users:remind_of_two_factor", args=[user.pk]), is_post=True)
    return None


@dataclass(frozen=True)
class Milestone:
    """A step of an invitation: good, attention (the current one), bad (it failed) or none (not yet)."""

    label: str
    state: str
    at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True)
class InvitationProgress:
    steps: list[Milestone]
    is_folded: bool

    @property
    def has_failed(self) -> bool:
        return any(step.state == "bad" for step in self.steps)

    @property
    def last(self) -> Milestone:
        return self.steps[-1]


def get_last_code(invitation: Invitation) -> InvitationCode | None:
    return invitation.codes.select_related("message").order_by("-sent_at").first()


def build_invitation_progress(
    user: UserWithStatuses, invitation: Invitation, code: InvitationCode | None
) -> InvitationProgress:
    """Return the steps of the invitation of `user`; two-factor is one of them if it is required or set up."""
    accepted = user.accepted_at is not None
    message, sent = invitation.message, invitation.message.state == invitation.message.State.SENT
    verified_at = code.verified_at if code else None
    opened = accepted or invitation.opened_at is not None
    facts: list[tuple[str, bool, datetime | None, str]] = [
        (_("Invited"), True, invitation.sent_at, ""),
        (_("E-mail sent"), sent or opened, message.sent_at, _get_email_state(invitation)),
        (_("Opened"), opened, invitation.opened_at, ""),
        (_("Code correct"), accepted or verified_at is not None, verified_at, _get_code_state(code)),
        (_("Account"), accepted, user.accepted_at, ""),
    ]
    if user.two_factor in (TwoFactorStatus.ACTIVE, TwoFactorStatus.MISSING):
        facts.append((_("Two-factor"), user.second_factor_at is not None, user.second_factor_at, ""))
    current = next((number for number, fact in enumerate(facts) if not fact[1]), len(facts))
    failed = None if accepted else _find_failed_step(invitation, code, current)
    steps = [
        Milestone(label, _get_state(number, current, failed, is_done=done), at if done else None, detail)
        for number, (label, done, at, detail) in enumerate(facts)
    ]
    latest = max((step.at for step in steps if step.at), default=None)
    is_old = latest is not None and latest < timezone.now() - _FOLD_AFTER
    return InvitationProgress(steps, is_folded=current == len(facts) and is_old)


def _get_state(number: int, current: int, failed: int | None, *, is_done: bool) -> str:
    if number == failed:
        return "bad"
    if is_done:
        return "good"
    return "attention" if number == current and failed is None else "none"


def _find_failed_step(invitation: Invitation, code: InvitationCode | None, current: int) -> int | None:
    """Return the number of the step at which the invitation cannot go on by itself, if any."""
    if invitation.message.state in invitation.message.UNDELIVERED_STATES:
        return 1
    if invitation.state == Invitation.State.LOCKED or (code and code.message.is_undeliverable):
        return 3
    return None if invitation.is_open() and invitation.refused_at is None else min(current, 4)


def _get_email_state(invitation: Invitation) -> str:
    message = invitation.message
    if message.is_scheduled:
        return _("will be sent %(time)s") % {"time": format_upcoming(message.due)}
    return str(message.get_state_display())


def _get_code_state(code: InvitationCode | None) -> str:
    return str(code.message.get_state_display()) if code else _("not requested yet")
