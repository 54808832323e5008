"""Rate limits, password resets, second factors and user sessions.

`provider` is NULL for support users only; a foreign key enforces it (see `core.composite_keys`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, DeviceManager, ThrottlingMixin, TimestampMixin, VerifyNotAllowed
from django_otp_webauthn.models import AbstractWebAuthnCredential

from accounts.models import Provider, User
from authentication import recovery_codes, session_timeouts, totp
from core import clock_skew, encryption
from core.composite_keys import CompositeForeignKey, SameOfficeForeignKey
from core.ids import uuid7

RESET_LINK_MINUTES = 60
_DeviceT = TypeVar("_DeviceT", bound=models.Model)
# Consecutive wrong codes, and the pause that follows. If an attacker who knows the password keeps the user waiting,
# passkeys and recovery codes still work: they are counted separately.
_PAUSES = {20: timedelta(hours=1), 10: timedelta(minutes=10), 5: timedelta(minutes=1)}


class AuthenticationMethod(models.TextChoices):
    PASSWORD = "password", _("Password")
    APP = "app", _("Password and code from the app")
    RECOVERY_CODE = "recovery_code", _("Password and recovery code")
    PASSKEY = "passkey", _("Passkey")
    MICROSOFT = "microsoft", _("Microsoft")
    SSO = "sso", _("SSO from a portal")


class UserOwnedModel(models.Model):
    """Row of one `user`, of the same office; without an office if and only if the user is of support."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    of_support = models.GeneratedField(
        expression=models.ExpressionWrapper(Q(provider__isnull=True), output_field=models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        abstract = True
        constraints = [
            SameOfficeForeignKey("user"),  # does not apply to a row without an office
            CompositeForeignKey(
                fields=["user", "of_support"],
                to_fields=["id", "is_support"],
                name="%(app_label)s_%(class)s_support_alone",
            ),
        ]


class PasswordResetRequest(models.Model):
    """E-mail address for which a password reset was requested, until the worker has looked up the users."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    encrypted_email = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def encryption_context(self) -> str:
        """Associated data: the ciphertext cannot be decrypted in another row."""
        return f"reset request:{self.pk}"


class PasswordResetToken(UserOwnedModel):
    """Single-use e-mailed link with which a user may choose a new password."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="password_resets")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self) -> bool:
        """Return whether the link works for a user who may use the login page."""
        now = timezone.now()
        in_time = now < self.expires_at <= now + timedelta(minutes=RESET_LINK_MINUTES) + clock_skew.MAX_CLOCK_SKEW
        return in_time and self.user.is_website_user and self.user.may_sign_in


class MfaDeviceManager(DeviceManager, models.Manager[_DeviceT]):  # type: ignore[misc]
    """Manager of django_otp with the type of its rows."""


class MfaDevice(UserOwnedModel):
    """What every device of this app adds to `django_otp.models.Device`."""

    name: str  # of Device
    method: AuthenticationMethod

    class Meta(UserOwnedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def persistent_id(self) -> str:
        """Model and ID, as django_otp keeps it in the session: it reads the ID as a number."""
        return f"{self._meta.label_lower}/{self.pk.int}"


class AuthenticatorApp(MfaDevice, ThrottlingMixin, TimestampMixin, Device):  # type: ignore[misc]
    """Authenticator app (TOTP, RFC 6238: six digits every 30 seconds); only confirmed apps are stored."""

    kind = _("Authenticator app")
    method = AuthenticationMethod.APP

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="authenticator_apps")
    encrypted_secret = models.BinaryField()
    last_step = models.BigIntegerField()  # time step of the last accepted code: no code works twice

    objects = MfaDeviceManager["AuthenticatorApp"]()

    @property
    def encryption_context(self) -> str:
        return f"authenticator app:{self.pk}"

    @property
    def secret(self) -> bytes:
        return encryption.decrypt(bytes(self.encrypted_secret), context=self.encryption_context)

    @secret.setter
    def secret(self, secret: bytes) -> None:
        self.encrypted_secret = encryption.encrypt(secret, context=self.encryption_context)

    def verify_is_allowed(self) -> tuple[bool, dict[str, Any] | None]:
        """Pause by `_PAUSES` after wrong codes: the mixin's own pauses double and would lock users out for years."""
        failures, failed_at = self.throttling_failure_count, self.throttling_failure_timestamp
        pause = next((pause for count, pause in _PAUSES.items() if failures >= count), None)
        if pause is None or clock_skew.is_in_future(failed_at) or timezone.now() >= failed_at + pause:
            return True, None
        reason = VerifyNotAllowed.N_FAILED_ATTEMPTS
        return False, {"reason": reason, "failure_count": failures, "locked_until": failed_at + pause}

    def verify_token(self, token: str) -> bool:
        """Accept a current code later than the last one (RFC 6238, section 5.2). The caller has locked the row."""
        if not self.verify_is_allowed()[0]:
            return False
        step = totp.find_matching_step(self.secret, token, after=self.last_step)
        if step is None:
            self.throttle_increment()
            return False
        self.last_step = step
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp()
        return True


class Passkey(MfaDevice, AbstractWebAuthnCredential):  # type: ignore[misc]
    """Passkey on a phone, computer or security key (WebAuthn); the library defines the credential fields."""

    kind = _("Passkey")
    method = AuthenticationMethod.PASSKEY

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")

    objects = MfaDeviceManager["Passkey"]()

    class Meta(MfaDevice.Meta):
        verbose_name = _("Passkey")


class RecoveryCodes(MfaDevice, TimestampMixin, Device):  # type: ignore[misc]
    """Unused single-use codes of a user who may lose every device: one row a user, with keyed hashes only.

    They have 50 bits, so no ThrottlingMixin: with it an attacker could keep the owner waiting. The limit is by network
    address (`authentication.mfa.actions`).
    """

    method = AuthenticationMethod.RECOVERY_CODE

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hashes = models.JSONField(default=list)  # each bound to this row

    objects = MfaDeviceManager["RecoveryCodes"]()

    def set_codes(self, codes: list[str]) -> None:
        self.code_hashes = [
            encryption.compute_keyed_hash(self._bind(code), purpose=recovery_codes.HASH_PURPOSE) for code in codes
        ]

    def verify_token(self, token: str) -> bool:
        bound = self._bind(token)
        matches = [
            digest
            for digest in self.code_hashes
            if encryption.verify_keyed_hash(bound, digest, purpose=recovery_codes.HASH_PURPOSE)
        ]
        if not matches:
            return False
        self.code_hashes.remove(matches[0])
        self.set_last_used_timestamp()
        return True

    def _bind(self, code: str) -> str:
        return f"{self.pk}:{recovery_codes.normalize_code(code)}"


class MfaReminder(models.Model):
    """Record of a reminder sent `stage` days before the user needs a second factor (`due`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    due = models.DateField(db_index=True)
    stage = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "due", "stage"], name="mfa_reminder_once"),
            SameOfficeForeignKey("user"),
        ]

    def __str__(self) -> str:
        return f"{self.due}: {self.stage}"


class UserSessionQuerySet(models.QuerySet["UserSession"]):
    def alive(self) -> UserSessionQuerySet:
        now, by_sso = timezone.now(), Q(method=AuthenticationMethod.SSO)
        short, long = (
            Q(created_at__gt=now - session_timeouts.get_absolute_timeout(by_sso=is_short)) for is_short in (True, False)
        )
        in_time = (by_sso & short) | (~by_sso & long)
        return self.filter(
            in_time, last_used_at__gt=now - session_timeouts.get_idle_timeout(), session__expire_date__gt=now
        )


class UserSession(UserOwnedModel):
    """Metadata of a signed-in browser session; deleted together with the session."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="open_sessions")
    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="opened")  # its key is a hash
    session_version = models.PositiveIntegerField()  # of the user; after a change the session is invalid
    method = models.CharField(max_length=20, choices=AuthenticationMethod)
    address = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=20)
    system = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)  # time of sign-in; nothing later changes it
    last_used_at = models.DateTimeField(default=timezone.now)  # behind by at most LAST_USED_PRECISION

    objects = UserSessionQuerySet.as_manager()

    def __str__(self) -> str:
        text = gettext("%(browser)s on %(system)s") % {"browser": self.browser, "system": self.system}
        return text if self.browser and self.system else self.browser or self.system or gettext("unknown browser")

    @property
    def lifetime(self) -> session_timeouts.SessionLifetime:
        return session_timeouts.SessionLifetime(
            self.created_at, self.last_used_at, by_sso=self.method == AuthenticationMethod.SSO
        )
