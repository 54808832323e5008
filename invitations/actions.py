"""Inviting, sending again, revoking, opening, proving the phone, accepting."""


import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

import outbox.actions
import outbox.letters
from accounts import passwords
from accounts.actions import Details, lock_provider, require_free_username, unusable_password
from accounts.models import LoginMethod, Provider, User
from audit.actions import record
from audit.actors import Actor, Origin, scheduled
from audit.models import Verb
from invitations import texts
from invitations.models import (
    CODE_MINUTES,
    TRIES_IN_ALL,
    Invitation,
    InvitationCode,
    InvitationText,
)
from invitations.texts import Text
from loket import sealing
from teams import rights
from teams.rights import Right

_CODE = "invitation code"
_BROWSER = "invitation browser"


class Paused(Exception):
    """No further code is sent for `wait`; `timedelta.max` means: not before the invitation is sent again."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


class NotOpen(Exception):
    """The invitation was accepted, revoked, sent again, locked or has expired."""


@transaction.atomic
def invite(
    provider: Provider,
    *,
    details: Details,
    mobile_number: str,
    by: Actor,
    text: Text | None = None,
    user_id: UUID | None = None,
) -> User:
    """Make a user "Via website en SSO" and send the invitation: one decision (seed article).

    `mobile_number` is E.164 and is kept only sealed, in the invitation. `user_id` names the decision: the same one
    twice, as by a double click, makes one user. Raises PermissionDenied without the right to manage users,
    ValidationError when the office sent too many invitations in an hour.
    """
    rights.require(by, Right.MANAGE_USERS)
    provider = lock_provider(provider.pk)
    if user_id is not None and (known := User.objects.filter(pk=user_id, provider=provider).first()):
        return known
    user = User(provider=provider, login_method=LoginMethod.WEBSITE_SSO, password=unusable_password(), **details)
    if user_id is not None:
        user.pk = user_id
    user.save(force_insert=True)
    record(Verb.USER_CREATED, user, by=by, provider_id=provider.pk, changes={"email": [None, user.email]})
    invitation = Invitation(provider=provider, user=user)
    if text is not None:
        invitation.subject, invitation.body = text.subject, text.body
    _send(invitation, mobile_number, by)
    return user


@transaction.atomic
def resend(user: User, *, mobile_number: str, email: str, by: Actor) -> None:
    """Send the invitation again: new link, full period, the old link dead; the address may change.

    Raises NotOpen when it was accepted meanwhile, PermissionDenied without authority over the person, ValidationError
    when the office sent too many invitations in an hour.
    """
    rights.require(by, Right.MANAGE_USERS)
    rights.require_authority_over(by, user)
    lock_provider(user.provider_id)
    invitation = _locked(user)
    if invitation.state == Invitation.State.ACCEPTED:
        raise NotOpen
    outbox.actions.cancel(invitation.message)
    if email != invitation.user.email:
        changes = {"email": [invitation.user.email, email]}
        invitation.user.email = email
        invitation.user.version += 1
        invitation.user.save()
        record(Verb.EMAIL_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)
    _send(invitation, mobile_number, by)


def _locked(user: User) -> Invitation:
    return Invitation.objects.select_for_update(of=("self",)).select_related("user__provider", "message").get(user=user)


def _send(invitation: Invitation, mobile_number: str, by: Actor) -> None:
    """Give the invitation a new token and put its mail in the outbox."""
    user, now = invitation.user, timezone.now()
    require_room_for_sms(user.provider)
    token = sealing.new_token()
    invitation.token_hash = sealing.token_hash(token)
    invitation.email = user.email
    invitation.sent_at, invitation.expires_at = now, now + timedelta(days=user.provider.invitation_days)
    invitation.state, invitation.opened_at = Invitation.State.OPEN, None
    invitation.sealed_phone = sealing.seal_with_token(
        mobile_number.encode(), token=token, context=invitation.seal_context
    )
    link = settings.LOKET_URL + reverse("invitations:enter", args=[token])
    mail = texts.fill(text_for(invitation), user, link=link, expires_at=invitation.expires_at)
    invitation.message = outbox.actions.queue_mail(
        kind="invitation",
        to=user.email,
        subject=mail.subject,
        text=mail.body,
        html=outbox.letters.as_html(mail.body),
        provider_id=user.provider_id,
        user_id=user.pk,
        sender_name=user.provider.name,
        expires_at=invitation.expires_at,
    )
    if not invitation._state.adding:
        invitation.codes.all().delete()
    invitation.save()
    record(Verb.INVITATION_SENT, user, by=by, provider_id=user.provider_id, changes={"email": [None, user.email]})


def text_for(invitation: Invitation) -> Text:
    """Return the text of this invitation: its own, else the office's, else the product's."""
    if invitation.body:
        return Text(invitation.subject, invitation.body)
    return office_text(invitation.provider)


def office_text(provider: Provider) -> Text:
    """Return the office's own text, else the product's."""
    own = InvitationText.objects.filter(provider=provider).first()
    return Text(own.subject, own.body) if own else Text(texts.DEFAULT_SUBJECT, texts.DEFAULT_BODY)


def require_room_for_sms(provider: Provider) -> None:
    """Raise ValidationError when the office sent LOKET_SMS_PER_HOUR invitations in the last hour (SMS pumping)."""
    since = timezone.now() - timedelta(hours=1)
    if Invitation.objects.filter(provider=provider, sent_at__gt=since).count() >= settings.LOKET_SMS_PER_HOUR:
        raise ValidationError(_("Your office sent many invitations this hour. Try again later."), code="cap")


@transaction.atomic
def revoke(user: User, *, by: Actor) -> None:
    """Take the invitation back: the link is dead and the number gone. Raises NotOpen when it was accepted."""
    rights.require(by, Right.MANAGE_USERS)
    rights.require_authority_over(by, user)
    invitation = _locked(user)
    if invitation.state in (Invitation.State.ACCEPTED, Invitation.State.REVOKED):
        raise NotOpen
    outbox.actions.cancel(invitation.message)
    _close(invitation, Invitation.State.REVOKED)
    record(Verb.INVITATION_REVOKED, user, by=by, provider_id=user.provider_id)


def _close(invitation: Invitation, state: Invitation.State) -> None:
    """End the invitation: the sealed number goes, and codes that are still queued with it."""
    for code in invitation.codes.select_related("message"):
        outbox.actions.cancel(code.message)
    invitation.state, invitation.sealed_phone = state, None
    invitation.save(update_fields=["state", "sealed_phone"])


def expire_due() -> int:
    """Close every invitation whose period is over; return how many. A periodic job of the worker."""
    closed = 0
    with transaction.atomic():
        due = Invitation.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            state=Invitation.State.OPEN, expires_at__lte=timezone.now()
        )
        for invitation in due.select_related("user", "message")[:500]:
            _close(invitation, Invitation.State.EXPIRED)
            by = scheduled("expire_invitations")
            record(Verb.INVITATION_EXPIRED, invitation.user, by=by, provider_id=invitation.provider_id)
            closed += 1
    return closed


def phone_ending(invitation: Invitation, *, token: str) -> str:
    """Return the last two digits of the number; only the holder of the token can read them."""
    sealed = bytes(invitation.sealed_phone or b"")
    return sealing.unseal_with_token(sealed, token=token, context=invitation.seal_context).decode()[-2:]


def _reload_open(invitation: Invitation) -> Invitation:
    fresh = _locked(invitation.user)
    if fresh.token_hash != invitation.token_hash or not fresh.is_open():
        raise NotOpen
    return fresh


def _invitee(invitation: Invitation, address: str) -> Actor:
    return Actor(origin=Origin.PAGE, name=invitation.user.full_name, user=invitation.user, address=address)


@transaction.atomic
def send_code(invitation: Invitation, *, token: str, browser: str, address: str) -> None:
    """Send a new six-digit code to the sealed number; it works only in the browser that holds `browser`.

    Raises Paused after three in an hour or ten in all, NotOpen when the invitation ended meanwhile.
    """
    invitation = _reload_open(invitation)
    if (wait := invitation.code_pause()) is not None:
        raise Paused(wait)
    context = invitation.seal_context
    number = sealing.unseal_with_token(bytes(invitation.sealed_phone or b""), token=token, context=context).decode()
    code, expires_at = f"{secrets.randbelow(10**6):06d}", timezone.now() + timedelta(minutes=CODE_MINUTES)
    message = outbox.actions.queue_sms(
        kind="code",
        to=number,
        text=_("%(code)s is your code for Loket of %(office)s. It is valid for 10 minutes.")
        % {"code": code, "office": invitation.user.provider.name},
        provider_id=invitation.provider_id,
        user_id=invitation.user_id,
        expires_at=expires_at,
    )
    row = InvitationCode(invitation=invitation, message=message, expires_at=expires_at)
    row.code_hash = sealing.keyed_hash(f"{row.pk}:{code}", purpose=_CODE)
    row.browser_hash = sealing.keyed_hash(browser, purpose=_BROWSER)
    row.save(force_insert=True)
    by = _invitee(invitation, address)
    if invitation.opened_at is None:
        invitation.opened_at = timezone.now()
        invitation.save(update_fields=["opened_at"])
        record(Verb.INVITATION_OPENED, invitation.user, by=by, provider_id=invitation.provider_id)
    record(Verb.CODE_SENT, invitation.user, by=by, provider_id=invitation.provider_id)


@transaction.atomic
def try_code(invitation: Invitation, *, code: str, browser: str, address: str) -> bool:
    """Return whether `code` is the last one sent to this browser; a wrong one is counted.

    After five wrong tries the code is dead, after fifteen in all the invitation is locked until it is sent again.
    Raises NotOpen when the invitation ended meanwhile.
    """
    invitation = _reload_open(invitation)
    row = invitation.codes.order_by("-sent_at").first()
    mine = row is not None and sealing.keyed_hash_matches(browser, row.browser_hash, purpose=_BROWSER)
    if row is None or not mine or not row.is_usable():
        return False
    if sealing.keyed_hash_matches(f"{row.pk}:{code}", row.code_hash, purpose=_CODE):
        row.verified_at = timezone.now()
        row.save(update_fields=["verified_at"])
        return True
    row.wrong_tries += 1
    row.save(update_fields=["wrong_tries"])
    by = _invitee(invitation, address)
    record(Verb.CODE_REFUSED, invitation.user, by=by, provider_id=invitation.provider_id)
    if invitation.wrong_tries() >= TRIES_IN_ALL:
        _close(invitation, Invitation.State.LOCKED)
        record(Verb.INVITATION_LOCKED, invitation.user, by=by, provider_id=invitation.provider_id)
    return False


def has_proved_phone(invitation: Invitation, *, browser: str) -> bool:
    """Return whether this browser typed the right code within the last hour."""
    since = timezone.now() - timedelta(hours=1)
    rows = invitation.codes.filter(verified_at__gt=since)
    return any(sealing.keyed_hash_matches(browser, row.browser_hash, purpose=_BROWSER) for row in rows)


@transaction.atomic
def accept(invitation: Invitation, *, browser: str, username: str, password: str, address: str) -> User:
    """Give the invited person the username and password he chose; return him, ready to be signed in.

    Raises NotOpen when the invitation ended meanwhile or this browser did not prove the phone, ValidationError when
    the username was taken meanwhile or the password is refused.
    """
    invitation = _reload_open(invitation)
    if not has_proved_phone(invitation, browser=browser):
        raise NotOpen
    user = invitation.user
    if user.blocked_at is not None or user.has_ended():
        raise NotOpen
    passwords.check(password, about=[user.initials, user.last_name, user.first_name, user.email, username])
    provider = lock_provider(user.provider_id)
    require_free_username(username)
    user.username, user.password = username, passwords.hashed(password)
    user.accepted_at = user.password_changed_at = timezone.now()
    user.version += 1
    user.save()
    _close(invitation, Invitation.State.ACCEPTED)
    if provider.established_at is None and rights.has_administrator(provider):
        provider.established_at = user.accepted_at
        provider.save(update_fields=["established_at"])
    by = _invitee(invitation, address)
    record(Verb.INVITATION_ACCEPTED, user, by=by, provider_id=user.provider_id, changes={"username": [None, username]})
    return user
