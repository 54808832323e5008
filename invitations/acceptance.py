"""Acceptance of an invitation: request a code, verify the phone number with it, choose credentials."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

import outbox.actions
from accounts import emails, passwords
from accounts.locks import lock_provider
from accounts.models import User
from accounts.user_lookup import require_free_username
from accounts.validators import validate_username
from audit.actions import record
from audit.actors import Actor, requires_reauthentication
from audit.models import Verb
from core import encryption
from core.access import ReauthenticationLevel
from invitations.actions import InvitationNotOpen, close_invitation, lock_invitation
from invitations.models import CODE_VALID_MINUTES, MAX_TRIES_PER_INVITATION, Invitation, InvitationCode
from invitations.sender_authority import has_sender_authority
from permissions import checks

_CODE_PURPOSE = "invitation code"
_BROWSER_PURPOSE = "invitation browser"
PHONE_PROOF_LIFETIME = timedelta(hours=1)


class SenderNotAuthorized(Exception):
    """The last sender may no longer grant what the invited user holds; the invitation must be resent."""


class CodeLimitReached(Exception):
    """No code is sent for `wait`; `timedelta.max` means not before the invitation is resent."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


def get_phone_ending(invitation: Invitation, *, token: str) -> str:
    """Return the last two digits of the number.

    Raises encryption.DecryptionError when `token` is not the invitation's.
    """
    return _decrypt_phone(invitation, token)[-2:]


def _decrypt_phone(invitation: Invitation, token: str) -> str:
    encrypted = bytes(invitation.encrypted_phone or b"")
    return encryption.decrypt_with_token(encrypted, token=token, context=invitation.encryption_context).decode()


def get_last_code(invitation: Invitation, *, browser: str) -> InvitationCode | None:
    for row in invitation.codes.select_related("message").order_by("-sent_at", "-id"):
        if _belongs_to_browser(row, browser):
            return row
    return None


def _belongs_to_browser(row: InvitationCode, browser: str) -> bool:
    return encryption.verify_keyed_hash(browser, row.browser_hash, purpose=_BROWSER_PURPOSE)


def has_proved_phone(invitation: Invitation, *, browser: str) -> bool:
    rows = invitation.codes.filter(verified_at__gt=timezone.now() - PHONE_PROOF_LIFETIME)
    return any(_belongs_to_browser(row, browser) for row in rows)


def _lock_open_invitation(invitation: Invitation) -> Invitation:
    """Return the invitation from the database, locked after its office.

    Raises InvitationNotOpen and SenderNotAuthorized.
    """
    lock_provider(invitation.provider_id)  # so that no right is granted or revoked until this is over
    stored = lock_invitation(invitation.user_id)
    if stored.token_hash != invitation.token_hash or not stored.can_be_accepted():
        raise InvitationNotOpen
    if not has_sender_authority(stored):
        raise SenderNotAuthorized
    return stored


AcceptanceStep = TypeVar("AcceptanceStep", bound=Callable[..., Any])


def require_sender_authority(step: AcceptanceStep) -> AcceptanceStep:
    """Roll back a step that raises SenderNotAuthorized, then record the refusal and notify the administrators."""

    @wraps(step)
    def wrapper(invitation: Invitation, *, by: Actor, **options: Any) -> Any:
        try:
            with transaction.atomic():
                return step(invitation, by=by, **options)
        except SenderNotAuthorized:
            _record_refusal(invitation, by)
            raise

    return wrapper  # type: ignore[return-value]


@transaction.atomic
def _record_refusal(invitation: Invitation, by: Actor) -> None:
    """Record the refusal and notify the administrators, once each time that the invitation is sent."""
    provider = lock_provider(invitation.provider_id)
    stored = lock_invitation(invitation.user_id)
    if stored.token_hash != invitation.token_hash or stored.refused_at is not None:
        return
    stored.refused_at = timezone.now()
    stored.save(update_fields=["refused_at"])
    record(Verb.INVITATION_REFUSED, stored.user, by=by, provider_id=provider.pk)
    administrators = [user for user in checks.list_active_administrators(provider) if not user.has_ended()]
    emails.send("invitation_refused", *administrators, kind="invitation_refused", invited=stored.user)


@requires_reauthentication(ReauthenticationLevel.NONE)
@require_sender_authority
def send_code(invitation: Invitation, *, token: str, browser: str, by: Actor, after: str | None = None) -> None:
    """Send a new six-digit code to the encrypted number; it works only in the browser that holds `browser`.

    `after` is the id of this browser's last code as the page knew it, "" for none: with a newer one, for example after
    a double click, nothing is sent. Raises CodeLimitReached after three codes in an hour or ten in total,
    MessageLimitReached when too many messages were sent, InvitationNotOpen when the invitation ended in the meantime,
    SenderNotAuthorized.
    """
    invitation = _lock_open_invitation(invitation)
    last = get_last_code(invitation, browser=browser)
    if after is not None and last is not None and after != str(last.pk):
        return
    if (wait := invitation.get_code_quota().wait) is not None:
        raise CodeLimitReached(wait)
    _queue_code(invitation, _decrypt_phone(invitation, token), browser, by)
    if invitation.opened_at is None:
        invitation.opened_at = timezone.now()
        invitation.save(update_fields=["opened_at"])
        record(Verb.INVITATION_OPENED, invitation.user, by=by, provider_id=invitation.provider_id)
    record(Verb.CODE_SENT, invitation.user, by=by, provider_id=invitation.provider_id)


def _queue_code(invitation: Invitation, number: str, browser: str, by: Actor) -> None:
    code, expires_at = f"{secrets.randbelow(10**6):06d}", timezone.now() + timedelta(minutes=CODE_VALID_MINUTES)
    message = outbox.actions.queue_sms(
        kind="code",
        to=number,
        text=_("%(code)s is your code for Loket at %(office)s. It is valid for 10 minutes.")
        % {"code": code, "office": invitation.user.office_name},
        provider_id=invitation.provider_id,
        user_id=invitation.user_id,
        expires_at=expires_at,
        requester=by,
    )
    row = InvitationCode(invitation=invitation, message=message, expires_at=expires_at)
    row.code_hash = encryption.compute_keyed_hash(f"{row.pk}:{code}", purpose=_CODE_PURPOSE)
    row.browser_hash = encryption.compute_keyed_hash(browser, purpose=_BROWSER_PURPOSE)
    row.save(force_insert=True)


@requires_reauthentication(ReauthenticationLevel.NONE)
@require_sender_authority
def check_code(invitation: Invitation, *, code: str, browser: str, by: Actor) -> bool:
    """Return whether `code` is the last one sent to this browser; wrong codes are counted.

    After five wrong attempts the code is invalid; after fifteen in total the invitation is locked until it is resent.
    Without a usable code in this browser the result is False and nothing is counted. Raises InvitationNotOpen when the
    invitation ended, SenderNotAuthorized.
    """
    invitation = _lock_open_invitation(invitation)
    row = get_last_code(invitation, browser=browser)
    if row is None or not row.is_usable():
        return False
    if encryption.verify_keyed_hash(f"{row.pk}:{code}", row.code_hash, purpose=_CODE_PURPOSE):
        row.verified_at = timezone.now()
        row.save(update_fields=["verified_at"])
        record(Verb.PHONE_VERIFIED, invitation.user, by=by, provider_id=invitation.provider_id)
        return True
    row.wrong_tries += 1
    row.save(update_fields=["wrong_tries"])
    record(Verb.CODE_REJECTED, invitation.user, by=by, provider_id=invitation.provider_id)
    if invitation.wrong_tries() >= MAX_TRIES_PER_INVITATION:
        close_invitation(invitation, Invitation.State.LOCKED)
        record(Verb.INVITATION_LOCKED, invitation.user, by=by, provider_id=invitation.provider_id)
    return False


@requires_reauthentication(ReauthenticationLevel.NONE)
@require_sender_authority
def accept_invitation(invitation: Invitation, *, browser: str, username: str, password: str, by: Actor) -> User:
    """Set the chosen username and password and return the user, ready to be signed in.

    Raises InvitationNotOpen when the invitation ended in the meantime or this browser did not verify the phone number,
    SenderNotAuthorized, ValidationError when the username was taken in the meantime (code "taken") or cannot be chosen,
    or the password is rejected.
    """
    if not has_proved_phone(invitation, browser=browser):
        raise InvitationNotOpen
    validate_username(username)
    passwords.validate_password(password, about=passwords.build_password_context(invitation.user, username=username))
    hashed = passwords.hash_password(password)  # slow, so before locking rows
    invitation = _lock_open_invitation(invitation)
    if not has_proved_phone(invitation, browser=browser):
        raise InvitationNotOpen
    user, provider = invitation.user, invitation.user.office
    user.username, user.password = username, hashed
    user.accepted_at = user.password_changed_at = timezone.now()
    user.version += 1
    _save_with_free_username(user, username)
    close_invitation(invitation, Invitation.State.ACCEPTED)
    if provider.established_at is None and checks.has_administrator(provider):
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
