"""Actions that add, use and remove second factors."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_user
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, requires_reauthentication
from audit.models import Verb
from authentication.mfa import emails, recovery_codes, reminders, totp
from authentication.mfa.passkeys import Ceremony
from authentication.mfa.totp import TotpEnrollment
from authentication.models import AuthenticatorApp, Passkey, RecoveryCode
from core import encryption, throttle
from core.access import ReauthenticationLevel
from core.throttle import RateLimit
from permissions import checks
from permissions.checks import SupportAction

MAX_DEVICES = 10
MfaDevice = AuthenticatorApp | Passkey

# By user: five at once, then one a minute, later one in ten minutes, finally one an hour. It never locks permanently.
# A user whom an attacker with their password keeps waiting has passkeys and recovery codes, which count separately.
_TOTP_LIMITS = (
    RateLimit("second factor", burst=5, every=timedelta(minutes=1)),
    RateLimit("second factor, an hour", burst=10, every=timedelta(minutes=10)),
    RateLimit("second factor, a day", burst=20, every=timedelta(hours=1)),
)
# By user and network address: 50 bits cannot be guessed, and an attacker must not use up the owner's attempts.
_RECOVERY_LIMIT = RateLimit("recovery code", burst=10, every=timedelta(minutes=1))


class LastDeviceRequired(Exception):
    """The last device cannot be removed while two-factor is required."""

    def __str__(self) -> str:
        return _("Two-factor is required for your account. Add another device before you remove this one.")


class TooManyDevices(Exception):
    """The user already has MAX_DEVICES devices."""

    def __str__(self) -> str:
        return _("You already have %(most)d devices. First remove one that you no longer use.") % {"most": MAX_DEVICES}


def list_devices(user: User) -> list[MfaDevice]:
    """Return the devices of `user`, oldest first."""
    devices: list[MfaDevice] = [*user.authenticator_apps.all(), *Passkey.objects.filter(user=user)]
    return sorted(devices, key=lambda device: device.pk)


def has_passkey(user: User) -> bool:
    return Passkey.objects.filter(user=user).exists()


def count_recovery_codes(user: User) -> int:
    """Return the number of unused recovery codes."""
    return user.recovery_codes.filter(used_at=None).count()


def verify_totp_code(user: User, code: str) -> AuthenticatorApp | None:
    """Return the app of `user` whose current code this is, or None; a code works once (RFC 6238, section 5.2).

    Raises Throttled. Call this outside a transaction.
    """
    for limit in _TOTP_LIMITS:
        throttle.consume_attempt(limit, str(user.pk))
    app = _consume_totp_code(user, code)
    if app is not None:
        for limit in _TOTP_LIMITS:
            throttle.reset_attempts(limit, str(user.pk))
    return app


@transaction.atomic
def _consume_totp_code(user: User, code: str) -> AuthenticatorApp | None:
    for app in AuthenticatorApp.objects.select_for_update().filter(user=user).order_by("pk"):
        step = totp.find_matching_step(_decrypt_secret(app), code, after=app.last_step)
        if step is not None:
            app.last_step, app.last_used_at = step, timezone.now()
            app.save(update_fields=["last_step", "last_used_at"])
            return app
    return None


def _decrypt_secret(app: AuthenticatorApp) -> bytes:
    return encryption.decrypt(bytes(app.encrypted_secret), context=app.encryption_context)


@requires_reauthentication(ReauthenticationLevel.NONE)
def verify_recovery_code(user: User, code: str, *, by: Actor) -> bool:
    """Mark `code` as used and return True if it is an unused recovery code of `user`. Raises Throttled."""
    throttle.consume_attempt(_RECOVERY_LIMIT, f"{user.pk}:{throttle.build_network_key(by.address)}")
    return _consume_recovery_code(user, recovery_codes.normalize_code(code), by)


@transaction.atomic
def _consume_recovery_code(user: User, plain: str, by: Actor) -> bool:
    rows = list(RecoveryCode.objects.select_for_update().filter(user=user, used_at=None).order_by("pk"))
    found = [row for row in rows if recovery_codes.code_matches(row, plain)]
    if not found:
        return False
    found[0].used_at = timezone.now()
    found[0].save(update_fields=["used_at"])
    emails.send_recovery_code_used(user, left=len(rows) - 1)
    record(Verb.RECOVERY_CODE_USED, user, by=by, provider_id=user.provider_id)
    return True


@requires_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
@transaction.atomic
def add_authenticator_app(
    user: User, offer: TotpEnrollment, *, name: str, code: str, by: Actor
) -> AuthenticatorApp | None:
    """Add the authenticator app with the secret of `offer`; return None if `code` is wrong.

    A form that is submitted twice adds one app. Raises TooManyDevices.
    """
    user = _lock_website_user(user, by)
    known = AuthenticatorApp.objects.filter(pk=offer.id, user=user).first()
    if known is not None:
        return known
    step = totp.find_matching_step(offer.secret, code, after=0)
    if step is None:
        return None
    _require_device_slot(user, by)
    app = AuthenticatorApp(pk=offer.id, provider=user.provider, user=user, name=name, last_step=step)
    app.encrypted_secret = encryption.encrypt(offer.secret, context=app.encryption_context)
    app.save(force_insert=True)
    _finish_enrollment(user, app, by)
    return app


@requires_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
@transaction.atomic
def add_passkey(user: User, answer: Any, *, ceremony: Ceremony, name: str, by: Actor) -> Passkey:
    """Add the passkey that the browser created; `answer` is its response to `ceremony`.

    Raises PasskeyRejected, TooManyDevices.
    """
    user = _lock_website_user(user, by)
    _require_device_slot(user, by)
    passkey = ceremony.complete_registration(answer, user)
    passkey.name = name
    passkey.save(update_fields=["name"])
    _finish_enrollment(user, passkey, by)
    return passkey


def _lock_website_user(user: User, by: Actor) -> User:
    """Lock `user` and return the stored row, so that changes of their factors are serialized."""
    locked = lock_user(user.pk, actor=by.user)
    if not locked.is_website_user:
        raise PermissionDenied(_("Only users via website and SSO can have a second factor here."))
    return locked


def _require_device_slot(user: User, by: Actor) -> None:
    if by.user is None or by.user.pk != user.pk:
        raise PermissionDenied(_("You cannot set up two-factor for another user."))
    if len(list_devices(user)) >= MAX_DEVICES:
        raise TooManyDevices


def _finish_enrollment(user: User, device: MfaDevice, by: Actor) -> None:
    if user.second_factor_at is None:
        user.second_factor_at = timezone.now()
        reminders.cancel_reminders(user)
    user.version += 1
    user.save(update_fields=["second_factor_at", "version"])
    emails.send_device_added(user, device.name)
    record(Verb.FACTOR_ADDED, user, by=by, provider_id=user.provider_id, changes={"device": [None, device.name]})


@requires_reauthentication(ReauthenticationLevel.NONE)
@transaction.atomic
def rename_device(user: User, device_id: UUID, *, name: str, by: Actor) -> None:
    """Rename a device. Raises KeyError for an unknown device, PermissionDenied unless `user` is the actor."""
    _require_own_account(user, by)
    device = get_device(_lock_website_user(user, by), device_id)
    old, device.name = device.name, name
    if old != name:
        device.save(update_fields=["name"])
        record(Verb.FACTOR_RENAMED, user, by=by, provider_id=user.provider_id, changes={"device": [old, name]})


def _require_own_account(user: User, by: Actor) -> None:
    if by.user is None or by.user.pk != user.pk:
        raise PermissionDenied(_("You can change only your own devices."))


def get_device(user: User, device_id: UUID) -> MfaDevice:
    """Return the device of `user` with this ID. Raises KeyError."""
    return {device.pk: device for device in list_devices(user)}[device_id]


@requires_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
@transaction.atomic
def remove_device(user: User, device_id: UUID, *, by: Actor) -> User:
    """Remove a device and end all sessions; removing the last device also deletes the recovery codes.

    Returns the user as stored. Raises KeyError for an unknown device, PermissionDenied unless `user` is the actor,
    LastDeviceRequired for the last device while two-factor is required.
    """
    _require_own_account(user, by)
    user = _lock_website_user(user, by)
    device = get_device(user, device_id)
    is_last = len(list_devices(user)) == 1
    if is_last and checks.two_factor_rules(user).is_required_today:
        raise LastDeviceRequired
    device.delete()
    _end_sessions(user, without_factor=is_last)
    emails.send_device_removed(user, device.name)
    record(Verb.FACTOR_REMOVED, user, by=by, provider_id=user.provider_id, changes={"device": [device.name, None]})
    return user


def _end_sessions(user: User, *, without_factor: bool) -> None:
    user.session_version += 1
    user.version += 1
    if without_factor:
        user.recovery_codes.all().delete()
        user.second_factor_at = None
    user.save(update_fields=["session_version", "second_factor_at", "version"])


@requires_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
@transaction.atomic
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
    Passkey.objects.filter(user=user).delete()
    _end_sessions(user, without_factor=True)
    emails.send_mfa_reset(user, by_support=by.is_support)
    changes = {"device": [", ".join(names), None]}
    record(Verb.FACTORS_RESET, user, by=by, provider_id=user.provider_id, changes=changes, reason=reason)
    return True


@requires_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
@transaction.atomic
def generate_recovery_codes(user: User, *, by: Actor) -> list[str]:
    """Replace the recovery codes of `user` by ten new ones and return them; only their hashes are stored.

    Raises PermissionDenied unless `user` is the actor and has a device.
    """
    user = _lock_website_user(user, by)
    if by.user is None or by.user.pk != user.pk or user.second_factor_at is None:
        raise PermissionDenied(_("Recovery codes belong to your own second factor. Add a device first."))
    codes = recovery_codes.generate_codes()
    user.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(_build_recovery_codes(user, codes))
    emails.send_recovery_codes_generated(user)
    record(Verb.RECOVERY_CODES_MADE, user, by=by, provider_id=user.provider_id)
    return codes


def _build_recovery_codes(user: User, codes: Iterable[str]) -> list[RecoveryCode]:
    rows = []
    for code in codes:
        row = RecoveryCode(provider=user.provider, user=user)
        row.code_hash = recovery_codes.hash_code(row, recovery_codes.normalize_code(code))
        rows.append(row)
    return rows
