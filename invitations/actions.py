"""Actions of the office on invitations: invite, send again, revoke, and edit the text of the e-mail."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

import outbox.actions
import outbox.markup
from accounts.actions import Details, Equip, Stale, shown, unusable_password
from accounts.locks import lock_provider
from accounts.models import LoginMethod, Provider, User
from audit.actions import record
from audit.actors import Actor, Origin, Proof, asks, scheduled
from audit.models import Verb
from invitations import texts
from invitations.models import Invitation, InvitationText
from invitations.senders import note_sender
from invitations.texts import Text
from loket import periodic, sealing
from teams import rights
from teams.rights import Help, Right


class NotOpen(Exception):
    """The invitation was accepted, revoked, sent again, locked or has expired, or does not exist."""


def _require(by: Actor, right: Right, provider: Provider) -> None:
    rights.require(by, right)
    rights.require_office(by, provider.pk)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def invite(
    provider: Provider,
    *,
    details: Details,
    mobile_number: str,
    by: Actor,
    text: Text | None = None,
    user_id: UUID | None = None,
    equip: Equip | None = None,
) -> User:
    """Create a user "Via website en SSO" and send the invitation in one transaction (seed article).

    `mobile_number` is E.164 and is stored only encrypted, in the invitation. `user_id` makes the action idempotent: a
    double click creates one user. `equip` assigns initial access to a user created by this call; when it raises, no
    user is created. Raises PermissionDenied without the right to manage users, ValidationError for an invalid text,
    TooMany when too many messages were sent.
    """
    _require(by, Right.MANAGE_USERS, provider)
    if text is not None:
        texts.check(text.subject, text.body)
    provider = lock_provider(provider.pk)
    known = User.objects.select_related("invitation").filter(pk=user_id).first() if user_id is not None else None
    if known is not None and known.provider_id == provider.pk and hasattr(known, "invitation"):
        return known
    user = User(provider=provider, login_method=LoginMethod.WEBSITE_SSO, password=unusable_password(), **details)
    if user_id is not None and known is None:
        user.pk = user_id
    user.save(force_insert=True)
    record(Verb.USER_CREATED, user, by=by, provider_id=provider.pk, changes=shown(user))
    if equip is not None:
        equip(user)  # before the e-mail, which mentions two-factor where teams or rights require it
    invitation = Invitation(provider=provider, user=user)
    if text is not None:
        invitation.subject, invitation.body = text.subject, text.body
    send(invitation, mobile_number, by)
    return user


@asks(Proof.HALF_HOUR)
@transaction.atomic
def resend(user: User, *, mobile_number: str, email: str, by: Actor, before: str | None = None) -> None:
    """Send the invitation again with a new link and period; the old link is invalid. The address may change.

    `before` is when it was last sent as the form knew it (ISO 8601): if it was sent since, as by a double click,
    nothing is sent. Support can send it to the same address only. Raises NotOpen when the user accepted meanwhile,
    PermissionDenied without authority over the user, ValidationError when the user is blocked, TooMany when too many
    messages were sent.
    """
    lock_provider(user.provider_id)
    rights.require_say_over(by, user, Help.RESEND)
    invitation = lock(user.pk)
    user = invitation.user
    if invitation.state == Invitation.State.ACCEPTED or user.accepted_at is not None:
        raise NotOpen
    if before is not None and before != invitation.sent_at.isoformat():
        return
    if user.is_kept_out:
        message = _("%(name)s is blocked, or the last day of access has passed. Change that first.")
        raise ValidationError(message % {"name": user.full_name}, code="no_access")
    if email != user.email or by.origin != Origin.API:  # the API can change the number, never the address
        by.require_proof(Proof.FIVE_MINUTES)
    outbox.actions.cancel(invitation.message)
    if email != user.email:
        rights.require_office(by, user.provider_id)  # support lends nobody's authority to another address
        changes = {"email": [user.email, email]}
        user.email = email
        user.version += 1
        user.save()
        record(Verb.EMAIL_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)
    send(invitation, mobile_number, by)


def lock(user_id: UUID) -> Invitation:
    """Return the invitation of a user from the database, both locked until the end of the transaction.

    Lock the office first where its row is needed as well. Raises NotOpen when the user was never invited.
    """
    rows = Invitation.objects.select_for_update(of=("self", "user")).select_related("user__provider", "message")
    if (invitation := rows.filter(user_id=user_id).first()) is None:
        raise NotOpen
    return invitation


def send(invitation: Invitation, mobile_number: str, by: Actor) -> None:
    """Give the invitation, whose row is locked, a new token and queue its e-mail. Raises TooMany."""
    user, now = invitation.user, timezone.now()
    token = sealing.new_token()
    invitation.token_hash = sealing.token_hash(token)
    invitation.email = user.email
    invitation.sent_at, invitation.expires_at = now, now + timedelta(days=user.provider.invitation_days)
    invitation.state, invitation.opened_at = Invitation.State.OPEN, None
    note_sender(invitation, by)
    invitation.sealed_phone = sealing.seal_with_token(
        mobile_number.encode(), token=token, context=invitation.seal_context
    )
    link = settings.LOKET_URL + reverse("invitations:enter", args=[token])
    two_factor = rights.two_factor_rules(user).hold
    mail = texts.fill(
        text_for(invitation), user, link=link, expires_at=invitation.expires_at, with_two_factor=two_factor
    )
    invitation.message = outbox.actions.queue_mail(
        kind="invitation",
        to=user.email,
        subject=mail.subject,
        text=mail.body,
        html=outbox.markup.as_html(mail.body),
        provider_id=user.provider_id,
        user_id=user.pk,
        sender_name=user.office_name,
        expires_at=invitation.expires_at,
        asker=by,
    )
    if not invitation._state.adding:
        cancel_codes(invitation)
        invitation.codes.all().delete()
    invitation.save()
    record(Verb.INVITATION_SENT, user, by=by, provider_id=user.provider_id, changes={"email": [None, user.email]})


def text_for(invitation: Invitation) -> Text:
    """Return the text of the invitation: its own, else the office's, else the standard text."""
    if invitation.body:
        return Text(invitation.subject, invitation.body)
    return office_text(invitation.provider)


def office_text(provider: Provider) -> Text:
    """Return the office's own text, else the standard text."""
    own = InvitationText.objects.filter(provider=provider).first()
    return Text(own.subject, own.body) if own else texts.STANDARD


@asks(Proof.HALF_HOUR)
@transaction.atomic
def revoke(user: User, *, by: Actor) -> None:
    """Revoke the invitation: its link is invalid and the phone number deleted. Raises NotOpen when accepted."""
    lock_provider(user.provider_id)
    rights.require_say_over(by, user, Help.REVOKE)
    invitation = lock(user.pk)
    if invitation.state in (Invitation.State.ACCEPTED, Invitation.State.REVOKED):
        raise NotOpen
    outbox.actions.cancel(invitation.message)
    close(invitation, Invitation.State.REVOKED)
    record(Verb.INVITATION_REVOKED, user, by=by, provider_id=user.provider_id)


def close(invitation: Invitation, state: Invitation.State) -> None:
    """End the invitation, whose row is locked: delete the phone number and cancel codes that are still queued."""
    cancel_codes(invitation)
    invitation.state, invitation.sealed_phone = state, None
    invitation.save(update_fields=["state", "sealed_phone"])


def cancel_codes(invitation: Invitation) -> None:
    """Cancel the codes of the invitation that were not sent yet."""
    for code in invitation.codes.select_related("message"):
        outbox.actions.cancel(code.message)


def expire_due() -> int:
    """Close every invitation whose period is over; return how many. A periodic job of the worker."""
    due = Invitation.objects.filter(state=Invitation.State.OPEN, expires_at__lte=timezone.now())
    batch = due.exclude(pk__in=periodic.resting()).order_by("expires_at").values_list("pk", flat=True)[:500]
    return sum(periodic.each(_expire, batch))


@transaction.atomic
def _expire(pk: UUID) -> bool:
    rows = Invitation.objects.select_for_update(skip_locked=True, of=("self",)).select_related("user", "message")
    due = rows.filter(pk=pk, state=Invitation.State.OPEN, expires_at__lte=timezone.now())
    invitation = due.first()
    if invitation is None:
        return False
    close(invitation, Invitation.State.EXPIRED)
    by = scheduled("expire_invitations")
    record(Verb.INVITATION_EXPIRED, invitation.user, by=by, provider_id=invitation.provider_id)
    return True


@asks(Proof.HALF_HOUR)
@transaction.atomic
def save_text(provider: Provider, *, text: Text, before: Text, by: Actor) -> None:
    """Set the office's own text of the invitation.

    `before` is the text when the form was opened. Raises Stale when the text was changed meanwhile, PermissionDenied
    without the right to manage the office, ValidationError for a wrong placeholder.
    """
    _require(by, Right.MANAGE_PROVIDER, provider)
    texts.check(text.subject, text.body)
    provider = lock_provider(provider.pk)
    if office_text(provider) != before:
        raise Stale
    if text == before:
        return
    InvitationText.objects.update_or_create(provider=provider, defaults={"subject": text.subject, "body": text.body})
    _record_text(provider, before, text, by)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def restore_text(provider: Provider, *, by: Actor) -> bool:
    """Restore the standard text; return False when the office had no text of its own.

    Raises PermissionDenied without the right to manage the office.
    """
    _require(by, Right.MANAGE_PROVIDER, provider)
    provider = lock_provider(provider.pk)
    before = office_text(provider)
    deleted, _by_model = InvitationText.objects.filter(provider=provider).delete()
    if deleted:
        _record_text(provider, before, texts.STANDARD, by)
    return bool(deleted)


def _record_text(provider: Provider, old: Text, new: Text, by: Actor) -> None:
    changes: dict[str, list[Any]] = {"subject": [old.subject, new.subject], "body": [old.body, new.body]}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    record(Verb.TEXT_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def send_test(provider: Provider, *, text: Text, by: Actor) -> None:
    """E-mail `text` to the actor, filled in for an example user, with a link that does not work.

    Raises PermissionDenied without the right to manage the office, ValidationError for a wrong placeholder.
    """
    _require(by, Right.MANAGE_PROVIDER, provider)
    texts.check(text.subject, text.body)
    if by.user is None:
        return
    mail = texts.example(text, texts.somebody(), provider)
    outbox.actions.queue_mail(
        kind="invitation_test",
        to=by.user.email,
        subject=mail.subject,
        text=mail.body,
        html=outbox.markup.as_html(mail.body),
        provider_id=provider.pk,
        user_id=by.user.pk,
        sender_name=provider.name,
        expires_at=timezone.now() + timedelta(hours=1),
        asker=by,
    )
