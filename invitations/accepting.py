"""Acceptance of an invitation: request a code, prove the phone with it, choose credentials."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

import outbox.actions
from accounts import passwords
from accounts.actions import require_free_username
from accounts.locks import lock_provider
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from invitations import letters
from invitations.actions import NotOpen, close, lock
from invitations.models import CODE_MINUTES, TRIES_IN_ALL, Invitation, InvitationCode
from invitations.senders import is_vouched_for
from loket import sealing
from teams import rights

_CODE = "invitation code"
_BROWSER = "invitation browser"
PROOF_LASTS = timedelta(hours=1)


class NotVouchedFor(Exception):
    """The last sender may no longer grant what the invited user holds; the invitation must be sent again."""


class Paused(Exception):
    """No code is sent for `wait`; `timedelta.max` means not before the invitation is sent again."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


def phone_ending(invitation: Invitation, *, token: str) -> str:
    """Return the last two digits of the number. Raises sealing.Unreadable when `token` is not the invitation's."""
    return _number(invitation, token)[-2:]


def _number(invitation: Invitation, token: str) -> str:
    sealed = bytes(invitation.sealed_phone or b"")
    return sealing.unseal_with_token(sealed, token=token, context=invitation.seal_context).decode()


def code_of(invitation: Invitation, *, browser: str) -> InvitationCode | None:
    """Return the last code sent to this browser, usable or not."""
    for row in invitation.codes.order_by("-sent_at", "-id"):
        if _is_of(row, browser):
            return row
    return None


def _is_of(row: InvitationCode, browser: str) -> bool:
    return sealing.keyed_hash_matches(browser, row.browser_hash, purpose=_BROWSER)


def has_proved_phone(invitation: Invitation, *, browser: str) -> bool:
    """Return whether the right code was entered in this browser within the last hour."""
    rows = invitation.codes.filter(verified_at__gt=timezone.now() - PROOF_LASTS)
    return any(_is_of(row, browser) for row in rows)


def _lock_open(invitation: Invitation) -> Invitation:
    """Return the invitation from the database, locked after its office. Raises NotOpen and NotVouchedFor."""
    lock_provider(invitation.provider_id)  # so that nobody gives or loses a right until this is over
    fresh = lock(invitation.user_id)
    if fresh.token_hash != invitation.token_hash or not fresh.admits():
        raise NotOpen
    if not is_vouched_for(fresh):
        raise NotVouchedFor
    return fresh


Step = TypeVar("Step", bound=Callable[..., Any])


def asks_for_authority(step: Step) -> Step:
    """Roll back a step that raises NotVouchedFor, then record the refusal and notify the administrators."""

    @wraps(step)
    def checked(invitation: Invitation, *, by: Actor, **options: Any) -> Any:
        try:
            with transaction.atomic():
                return step(invitation, by=by, **options)
        except NotVouchedFor:
            _note_refusal(invitation, by)
            raise

    return checked  # type: ignore[return-value]


@transaction.atomic
def _note_refusal(invitation: Invitation, by: Actor) -> None:
    """Record the refusal and notify the administrators, once each time that the invitation is sent."""
    provider = lock_provider(invitation.provider_id)
    fresh = lock(invitation.user_id)
    if fresh.token_hash != invitation.token_hash or fresh.refused_at is not None:
        return
    fresh.refused_at = timezone.now()
    fresh.save(update_fields=["refused_at"])
    record(Verb.INVITATION_REFUSED, fresh.user, by=by, provider_id=provider.pk)
    for administrator in rights.able_administrators(provider):
        if not administrator.has_ended():
            letters.refused(administrator, fresh.user)


@asks(Proof.NONE)
@asks_for_authority
def send_code(invitation: Invitation, *, token: str, browser: str, by: Actor, after: str | None = None) -> None:
    """Send a new six-digit code to the encrypted number; it works only in the browser that holds `browser`.

    `after` is the id of this browser's last code as the page knew it, "" for none: with a newer one, as after a double
    click, nothing is sent. Raises Paused after three codes in an hour or ten in total, TooMany when too many messages
    were sent, NotOpen when the invitation ended meanwhile, NotVouchedFor.
    """
    invitation = _lock_open(invitation)
    last = code_of(invitation, browser=browser)
    if after is not None and last is not None and after != str(last.pk):
        return
    if (wait := invitation.code_pause()) is not None:
        raise Paused(wait)
    _queue_code(invitation, _number(invitation, token), browser, by)
    if invitation.opened_at is None:
        invitation.opened_at = timezone.now()
        invitation.save(update_fields=["opened_at"])
        record(Verb.INVITATION_OPENED, invitation.user, by=by, provider_id=invitation.provider_id)
    record(Verb.CODE_SENT, invitation.user, by=by, provider_id=invitation.provider_id)


def _queue_code(invitation: Invitation, number: str, browser: str, by: Actor) -> None:
    code, expires_at = f"{secrets.randbelow(10**6):06d}", timezone.now() + timedelta(minutes=CODE_MINUTES)
    message = outbox.actions.queue_sms(
        kind="code",
        to=number,
        text=_("%(code)s is your code for Loket at %(office)s. It is valid for 10 minutes.")
        % {"code": code, "office": invitation.user.office_name},
        provider_id=invitation.provider_id,
        user_id=invitation.user_id,
        expires_at=expires_at,
        asker=by,
    )
    row = InvitationCode(invitation=invitation, message=message, expires_at=expires_at)
    row.code_hash = sealing.keyed_hash(f"{row.pk}:{code}", purpose=_CODE)
    row.browser_hash = sealing.keyed_hash(browser, purpose=_BROWSER)
    row.save(force_insert=True)


@asks(Proof.NONE)
@asks_for_authority
def try_code(invitation: Invitation, *, code: str, browser: str, by: Actor) -> bool:
    """Return whether `code` is the last one sent to this browser; wrong codes are counted.

    After five wrong tries the code is invalid; after fifteen in total the invitation is locked until it is sent again.
    Without a usable code in this browser the result is False and nothing is counted. Raises NotOpen when the invitation
    ended, NotVouchedFor.
    """
    invitation = _lock_open(invitation)
    row = code_of(invitation, browser=browser)
    if row is None or not row.is_usable():
        return False
    if sealing.keyed_hash_matches(f"{row.pk}:{code}", row.code_hash, purpose=_CODE):
        row.verified_at = timezone.now()
        row.save(update_fields=["verified_at"])
        record(Verb.PHONE_PROVED, invitation.user, by=by, provider_id=invitation.provider_id)
        return True
    row.wrong_tries += 1
    row.save(update_fields=["wrong_tries"])
    record(Verb.CODE_REFUSED, invitation.user, by=by, provider_id=invitation.provider_id)
    if invitation.wrong_tries() >= TRIES_IN_ALL:
        close(invitation, Invitation.State.LOCKED)
        record(Verb.INVITATION_LOCKED, invitation.user, by=by, provider_id=invitation.provider_id)
    return False


@asks(Proof.NONE)
@asks_for_authority
def accept(invitation: Invitation, *, browser: str, username: str, password: str, by: Actor) -> User:
    """Set the chosen username and password and return the user, ready to be signed in.

    Raises NotOpen when the invitation ended meanwhile or this browser did not prove the phone, NotVouchedFor,
    ValidationError when the username was taken meanwhile (code "taken") or the password is rejected.
    """
    if not has_proved_phone(invitation, browser=browser):
        raise NotOpen
    passwords.check(password, about=passwords.about_user(invitation.user, username=username))
    hashed = passwords.hashed(password)  # slow, so before locking rows
    invitation = _lock_open(invitation)
    if not has_proved_phone(invitation, browser=browser):
        raise NotOpen
    user, provider = invitation.user, invitation.user.provider
    user.username, user.password = username, hashed
    user.accepted_at = user.password_changed_at = timezone.now()
    user.version += 1
    _save_with_free_username(user, username)
    close(invitation, Invitation.State.ACCEPTED)
    if provider.established_at is None and rights.has_administrator(provider):
        provider.established_at = user.accepted_at
        provider.save(update_fields=["established_at"])
    record(Verb.INVITATION_ACCEPTED, user, by=by, provider_id=user.provider_id, changes={"username": [None, username]})
    return user


def _save_with_free_username(user: User, username: str) -> None:
    require_free_username(username)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        require_free_username(username)  # taken between the check and the update
        raise
