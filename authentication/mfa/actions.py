"""Actions that add, use and remove second factors."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import emails
from accounts.locks import lock_user
from accounts.models import User
from accounts.sessions import end_sessions
from audit.actions import record
from audit.actors import Actor, action, requires_reauthentication
from audit.models import Verb
from authentication import recovery_codes, totp
from authentication.mfa import reminders
from authentication.mfa.passkeys import Ceremony
from authentication.models import AuthenticatorApp, MfaDevice, Passkey, RecoveryCodes
from authentication.totp import TotpEnrollment
from core import throttle
from core.access import ReauthenticationLevel
from core.throttle import RateLimit, Throttled
from permissions import checks
from permissions.checks import SupportAction

MAX_DEVICES = 10
# By user and network address: 50 bits cannot be guessed, and an attacker must not use up the owner's attempts.
_RECOVERY_LIMIT = RateLimit("recovery code", burst=10, every=timedelta(minutes=1))


class LastDeviceRequired(Exception):
    def __str__(self) -> str:
        return _("Two-factor is required for your account. Add another device before you remove this one.")


class TooManyDevices(Exception):
    def __str__(self) -> str:
        return _("You already have %(most)d devices. First remove one that you no longer use.") % {"most": MAX_DEVICES}


def list_devices(user: User) -> list[AuthenticatorApp | Passkey]:
    return sorted([*user.authenticator_apps.all(), *user.passkeys.all()], key=lambda device: device.pk)


def count_recovery_codes(user: User) -> int:
    return sum(len(codes.code_hashes) for codes in user.recovery_codes.all())


@transaction.atomic
def verify_totp_code(user: User, code: str) -> AuthenticatorApp | None:
    """Return the app of `user` whose current code this is, or None; a code works once. Raises Throttled.

    A wrong code counts for every app, and a right one restores the attempts of all.
    """
    apps = list(user.authenticator_apps.select_for_update().order_by("pk"))
    denials = [denial for app in apps if (denial := app.verify_is_allowed()[1])]
    if denials:
        raise Throttled(max(denial["locked_until"] for denial in denials) - timezone.now())
    match = next((app for app in apps if app.verify_token(code)), None)
    if match is not None:
        user.authenticator_apps.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    return match


@requires_reauthentication(ReauthenticationLevel.NONE)
def verify_recovery_code(user: User, code: str, *, by: Actor) -> RecoveryCodes | None:
    """Use up `code` and return its device, or None if it is no unused recovery code of `user`. Raises Throttled."""
    throttle.consume_attempt(_RECOVERY_LIMIT, f"{user.pk}:{throttle.build_network_key(by.address)}")
    return _consume_recovery_code(user, code, by)


@transaction.atomic
def _consume_recovery_code(user: User, code: str, by: Actor) -> RecoveryCodes | None:
    codes = user.recovery_codes.select_for_update().first()
    if codes is None or not codes.verify_token(code):
        return None
    emails.send("recovery_code_used", user, kind="recovery_code_used", left=len(codes.code_hashes))
    record(Verb.RECOVERY_CODE_USED, user, by=by, provider_id=user.provider_id)
    return codes


@action(ReauthenticationLevel.FIVE_MINUTES)
def add_authenticator_app(
    user: User, offer: TotpEnrollment, *, name: str, code: str, by: Actor
) -> AuthenticatorApp | None:
    """Return None if `code` is wrong. A form submitted twice adds one app. Raises TooManyDevices."""
    user = _lock_website_user(user, by)
    if (stored := user.authenticator_apps.filter(pk=offer.id).first()) is not None:
        return stored
    step = totp.find_matching_step(offer.secret, code, after=0)
    if step is None:
        return None
    _require_device_slot(user, by)
    app = AuthenticatorApp(pk=offer.id, provider=user.provider, user=user, name=name, last_step=step)
    app.secret = offer.secret
    app.save(force_insert=True)
    _finish_enrollment(user, app, by)
    return app


@action(ReauthenticationLevel.FIVE_MINUTES)
def add_passkey(user: User, credential: Any, *, ceremony: Ceremony, name: str, by: Actor) -> Passkey:
    """Add the passkey in `credential`, which the browser made in `ceremony`. Raises PasskeyRejected, TooManyDevices."""
    user = _lock_website_user(user, by)
    _require_device_slot(user, by)
    passkey = ceremony.complete_registration(credential, user)
    passkey.name = name
    passkey.save(update_fields=["name"])
    _finish_enrollment(user, passkey, by)
    return passkey


def _lock_website_user(user: User, by: Actor) -> User:
    """Lock `user` and return the stored row, so that changes to their factors are serialized."""
    locked = lock_user(user.pk, actor=by.user)
    if not locked.is_website_user:
        raise PermissionDenied(_("Only users via website and SSO can have a second factor here."))
    return locked


def _require_device_slot(user: User, by: Actor) -> None:
    checks.require_self(by, user.pk)
    if len(list_devices(user)) >= MAX_DEVICES:
        raise TooManyDevices


def _finish_enrollment(user: User, device: MfaDevice, by: Actor) -> None:
    if user.second_factor_at is None:
        user.second_factor_at = timezone.now()
        reminders.cancel_reminders(user)
    user.version += 1
    user.save(update_fields=["second_factor_at", "version"])
    emails.send("device_added", user, kind="factor_added", device=device.name)
    record(Verb.FACTOR_ADDED, user, by=by, provider_id=user.provider_id, changes={"device": [None, device.name]})


@action(ReauthenticationLevel.NONE)
def rename_device(user: User, device_id: UUID, *, name: str, by: Actor) -> None:
    """Rename a device. Raises KeyError for an unknown device, PermissionDenied unless `user` is the actor."""
    checks.require_self(by, user.pk)
    device = get_device(_lock_website_user(user, by), device_id)
    old, device.name = device.name, name
    if old != name:
        device.save(update_fields=["name"])
        record(Verb.FACTOR_RENAMED, user, by=by, provider_id=user.provider_id, changes={"device": [old, name]})


def get_device(user: User, device_id: UUID) -> AuthenticatorApp | Passkey:
    return {device.pk: device for device in list_devices(user)}[device_id]


@action(ReauthenticationLevel.FIVE_MINUTES)
def remove_device(user: User, device_id: UUID, *, by: Actor) -> User:
    """Remove a device and end all sessions; removing the last device also deletes the recovery codes.

    Returns the user as stored. Raises KeyError for an unknown device, PermissionDenied unless `user` is the actor,
    LastDeviceRequired for the last device while two-factor is required.
    """
    checks.require_self(by, user.pk)
    user = _lock_website_user(user, by)
    device = get_device(user, device_id)
    is_last = len(list_devices(user)) == 1
    if is_last and checks.two_factor_rules(user).is_required_today:
        raise LastDeviceRequired
    device.delete()
    _end_sessions(user, without_factor=is_last, by=by)
    emails.send("device_removed", user, kind="factor_removed", device=device.name)
    record(Verb.FACTOR_REMOVED, user, by=by, provider_id=user.provider_id, changes={"device": [device.name, None]})
    return user


def _end_sessions(user: User, *, without_factor: bool, by: Actor) -> None:
    end_sessions(user, by=by)
    user.version += 1
    if without_factor:
        user.recovery_codes.all().delete()
        user.second_factor_at = None
    user.save(update_fields=["session_version", "second_factor_at", "version"])


@action(ReauthenticationLevel.FIVE_MINUTES)
def reset_mfa(user: User, *, reason: str, by: Actor) -> bool:
    """Delete all devices and recovery codes of `user` and end their sessions; return False if there were none.

    A required factor stays required: the user sets one up at the next login. The caller ensures that an administrator
    has just re-authenticated with a second factor. Raises PermissionDenied for the actor's own account and for users
    with more rights.
    """
    checks.require_user_management(by, user, SupportAction.RESET_MFA)
    user = _lock_website_user(user, by)
    if user.second_factor_at is None:
        return False
    names = [device.name for device in list_devices(user)]
    user.authenticator_apps.all().delete()
    user.passkeys.all().delete()
    _end_sessions(user, without_factor=True, by=by)
    emails.send("two_factor_reset", user, kind="factors_reset", by_support=by.is_support)
    changes = {"device": [", ".join(names), None]}
    record(Verb.FACTORS_RESET, user, by=by, provider_id=user.provider_id, changes=changes, reason=reason)
    return True


@action(ReauthenticationLevel.FIVE_MINUTES)
def generate_recovery_codes(user: User, *, by: Actor) -> list[str]:
    """Replace the codes and return ten new ones. Raises PermissionDenied unless `user`, with a device, is the actor."""
    user = _lock_website_user(user, by)
    checks.require_self(by, user.pk)
    if user.second_factor_at is None:
        raise PermissionDenied(_("Recovery codes belong to a second factor. Add a device first."))
    codes = recovery_codes.generate_codes()
    device = user.recovery_codes.first() or RecoveryCodes(provider=user.provider, user=user)
    device.set_codes(codes)
    device.save()  # the same row, so that a session opened with a recovery code stays valid
    emails.send("recovery_codes_generated", user, kind="recovery_codes_made")
    record(Verb.RECOVERY_CODES_MADE, user, by=by, provider_id=user.provider_id)
    return codes
