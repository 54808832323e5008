"""Actions of the office on invitations: invite, resend and revoke."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

import outbox.actions
from accounts.locks import lock_provider
from accounts.models import LoginMethod, Provider, User
from accounts.passwords import make_unusable_password
from accounts.user_details import InitialAccessCallback, UserDetails, get_creation_changes
from accounts.validators import validate_has_access
from audit.actions import record
from audit.actors import Actor, EventOrigin, action, build_job_actor
from audit.changes import Changes
from audit.models import Verb
from core import encryption, periodic_jobs
from core.access import ReauthenticationLevel
from invitations import emails
from invitations.models import Invitation
from invitations.sender_authority import set_sender
from outbox import message_limits
from outbox.placeholders import EmailText
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right, SupportAction


class InvitationNotOpen(Exception):
    """The invitation has been accepted, revoked, resent or locked, has expired, or does not exist."""


@action()
def invite_user(
    provider: Provider,
    *,
    details: UserDetails,
    mobile_number: str,
    by: Actor,
    text: EmailText | None = None,
    user_id: UUID | None = None,
    assign_initial_access: InitialAccessCallback | None = None,
) -> User:
    """Create a user "Via website en SSO" and send the invitation in one transaction (seed article).

    `mobile_number` is E.164 and is stored only encrypted, in the invitation. `user_id` makes the action idempotent: a
    double click creates one user. `assign_initial_access` is called with a user created by this call; when
    it raises, no user is created. Raises PermissionDenied without the right to manage users, ValidationError for an
    invalid text, MessageLimitReached when too many messages were sent.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    if text is not None:
        emails.validate_text(text)
    known = User.objects.select_related("invitation").filter(pk=user_id).first() if user_id is not None else None
    if known is not None and known.provider_id == provider.pk and hasattr(known, "invitation"):
        return known
    user = User(provider=provider, login_method=LoginMethod.WEBSITE_SSO, password=make_unusable_password(), **details)
    if user_id is not None and known is None:
        user.pk = user_id
    user.save(force_insert=True)
    record(Verb.USER_CREATED, user, by=by, provider_id=provider.pk, changes=get_creation_changes(user))
    if assign_initial_access is not None:
        assign_initial_access(user)  # before the e-mail, which mentions two-factor where teams or rights require it
    invitation = Invitation(provider=provider, user=user)
    if text is not None:
        invitation.subject, invitation.body = text.subject, text.body
    send_invitation(invitation, mobile_number, by)
    return user


@action()
def resend_invitation(user: User, *, mobile_number: str, email: str, by: Actor, before: str | None = None) -> None:
    """Resend the invitation with a new link and period; the old link is invalid. The address may change.

    `before` is when it was last sent according to the form (ISO 8601): if it has been sent since then, for example by a
    double click, nothing is sent. Support can send it to the same address only. Raises InvitationNotOpen when the user
    accepted in the meantime, PermissionDenied without authority over the user, ValidationError when the user is
    blocked, MessageLimitReached when too many messages were sent.
    """
    lock_provider(user.provider_id)
    checks.require_user_management(by, user, SupportAction.RESEND_INVITATION)
    invitation = lock_invitation(user.pk)
    user = invitation.user
    if invitation.state == Invitation.State.ACCEPTED or user.accepted_at is not None:
        raise InvitationNotOpen
    if before is not None and before != invitation.sent_at.isoformat():
        return
    validate_has_access(user)
    if email != user.email or by.origin != EventOrigin.API:  # the API can change the number, never the address
        by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
    outbox.actions.cancel_message(invitation.message)
    if email != user.email:
        checks.require_office(by, user.provider_id)  # support must not transfer a user's authority to another address
        changes = {"email": [user.email, email]}
        user.email = email
        user.version += 1
        user.save()
        record(Verb.EMAIL_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)
    send_invitation(invitation, mobile_number, by)


def lock_invitation(user_id: UUID) -> Invitation:
    """Return the invitation of a user from the database, both locked until the end of the transaction.

    Lock the office first if its row is needed as well. Raises InvitationNotOpen when the user was never invited.
    """
    rows = Invitation.objects.select_for_update(of=("self", "user")).select_related("user__provider", "message")
    if (invitation := rows.filter(user_id=user_id).first()) is None:
        raise InvitationNotOpen
    return invitation


def send_invitation(invitation: Invitation, mobile_number: str, by: Actor) -> None:
    """Give the invitation, whose row is locked, a new token and queue its e-mail. Raises MessageLimitReached.

    Its period starts when the e-mail is to be sent, which for an import may be hours later.
    """
    user, scheduled_at = invitation.user, message_limits.schedule_bulk_invitation(invitation.provider_id)
    token = encryption.generate_token()
    invitation.token_hash = encryption.hash_token(token)
    invitation.email = user.email
    invitation.sent_at = scheduled_at or timezone.now()
    invitation.expires_at = invitation.sent_at + timedelta(days=user.office.invitation_days)
    invitation.state, invitation.opened_at = Invitation.State.OPEN, None
    set_sender(invitation, by)
    invitation.encrypted_phone = encryption.encrypt_with_token(
        mobile_number.encode(), token=token, context=invitation.encryption_context
    )
    message = emails.build_invitation_email(
        invitation, token=token, digits=mobile_number[-2:], scheduled_at=scheduled_at
    )
    (invitation.message,) = outbox.actions.queue_emails([message], requester=by)
    if not invitation._state.adding:
        cancel_codes(invitation)
        invitation.codes.all().delete()
    invitation.save()
    changes: Changes = {"email": [None, user.email]}
    if invitation.message.is_scheduled:
        changes["send_at"] = [None, invitation.sent_at.isoformat()]
    record(Verb.INVITATION_SENT, user, by=by, provider_id=user.provider_id, changes=changes)


@action()
def revoke_invitation(user: User, *, by: Actor) -> None:
    """Invalidate the link and delete the phone number. Raises InvitationNotOpen when accepted."""
    lock_provider(user.provider_id)
    checks.require_user_management(by, user, SupportAction.REVOKE_INVITATION)
    invitation = lock_invitation(user.pk)
    if invitation.state in (Invitation.State.ACCEPTED, Invitation.State.REVOKED):
        raise InvitationNotOpen
    outbox.actions.cancel_message(invitation.message)
    close_invitation(invitation, Invitation.State.REVOKED)
    record(Verb.INVITATION_REVOKED, user, by=by, provider_id=user.provider_id)


def close_invitation(invitation: Invitation, state: Invitation.State) -> None:
    """End the invitation, whose row is locked: delete the phone number and cancel codes that are still queued."""
    cancel_codes(invitation)
    invitation.state, invitation.encrypted_phone = state, None
    invitation.save(update_fields=["state", "encrypted_phone"])


def cancel_codes(invitation: Invitation) -> None:
    for code in invitation.codes.select_related("message"):
        outbox.actions.cancel_message(code.message)


def expire_due_invitations() -> int:
    """Close every invitation whose period is over; return how many. A periodic job of the worker."""
    due = Invitation.objects.filter(state=Invitation.State.OPEN, expires_at__lte=timezone.now())
    batch = (
        due.exclude(pk__in=periodic_jobs.list_deferred_items())
        .order_by("expires_at")
        .values_list("pk", flat=True)[:500]
    )
    return sum(periodic_jobs.process_items(_expire_invitation, batch))


@transaction.atomic
def _expire_invitation(pk: UUID) -> bool:
    rows = Invitation.objects.select_for_update(skip_locked=True, of=("self",)).select_related("user", "message")
    due = rows.filter(pk=pk, state=Invitation.State.OPEN, expires_at__lte=timezone.now())
    invitation = due.first()
    if invitation is None:
        return False
    close_invitation(invitation, Invitation.State.EXPIRED)
    by = build_job_actor("expire_invitations")
    record(Verb.INVITATION_EXPIRED, invitation.user, by=by, provider_id=invitation.provider_id)
    return True
