"""Rate limits, password resets, second factors and user sessions.

`provider` is NULL for support users only; a foreign key enforces it (see `core.composite_keys`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp_webauthn.models import AbstractWebAuthnCredential

from accounts.models import Provider, User
from authentication import session_expiry
from core import clock_skew
from core.composite_keys import CompositeForeignKey, SameOfficeForeignKey
from core.ids import uuid7

RESET_LINK_MINUTES = 60


def _build_of_support_field() -> models.GeneratedField:
    """Return the column that says that a row has no office, as it is for support."""
    without_office = models.ExpressionWrapper(Q(provider__isnull=True), output_field=models.BooleanField())
    return models.GeneratedField(expression=without_office, output_field=models.BooleanField(), db_persist=True)


def _build_support_foreign_key() -> CompositeForeignKey:
    """Return the key by which a row is without an office if and only if its user is of support.

    The key of `SameOfficeForeignKey` says nothing of a row without an office.
    """
    return CompositeForeignKey(
        fields=["user", "of_support"], to_fields=["id", "is_support"], name="%(app_label)s_%(class)s_support_alone"
    )


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


class PasswordResetToken(models.Model):
    """Single-use e-mailed link with which a user may choose a new password."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="password_resets")
    of_support = _build_of_support_field()
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [SameOfficeForeignKey("user"), _build_support_foreign_key()]

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self, now: datetime | None = None) -> bool:
        """Return whether the link works at `now` (default: this moment) for a user who may use the login page."""
        now = now or timezone.now()
        in_time = now < self.expires_at <= now + timedelta(minutes=RESET_LINK_MINUTES) + clock_skew.MAX_CLOCK_SKEW
        return in_time and self.user.is_website_user and self.user.may_sign_in


class AuthenticatorApp(models.Model):
    """Authenticator app (TOTP, RFC 6238: six digits every 30 seconds); only confirmed apps are stored."""

    kind = _("Authenticator app")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="authenticator_apps")
    of_support = _build_of_support_field()
    name = models.CharField(max_length=50)
    encrypted_secret = models.BinaryField()
    last_step = models.BigIntegerField()  # time step of the last accepted code: no code works twice
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [SameOfficeForeignKey("user"), _build_support_foreign_key()]

    def __str__(self) -> str:
        return self.name

    @property
    def encryption_context(self) -> str:
        """Associated data: the ciphertext cannot be decrypted in another row."""
        return f"authenticator app:{self.pk}"


class Passkey(AbstractWebAuthnCredential):  # type: ignore[misc]
    """Passkey on a phone, computer or security key (WebAuthn); the library defines the credential fields."""

    kind = _("Passkey")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    of_support = _build_of_support_field()

    objects = models.Manager["Passkey"]()

    class Meta:
        verbose_name = _("Passkey")
        constraints = [SameOfficeForeignKey("user"), _build_support_foreign_key()]

    def __str__(self) -> str:
        return str(self.name)


class RecoveryCode(models.Model):
    """Single-use code for a user who lost every device; only a keyed hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    of_support = _build_of_support_field()
    code_hash = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [SameOfficeForeignKey("user"), _build_support_foreign_key()]

    def __str__(self) -> str:
        return str(self.pk)


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
        """Return the sessions that have not expired, by the same rule as `UserSession.lifetime`."""
        now, by_sso = timezone.now(), Q(how=UserSession.AuthenticationMethod.SSO)
        short, long = (
            Q(created_at__gt=now - session_expiry.get_absolute_timeout(by_sso=is_short)) for is_short in (True, False)
        )
        in_time = (by_sso & short) | (~by_sso & long)
        return self.filter(
            in_time, last_used_at__gt=now - session_expiry.get_idle_timeout(), session__expire_date__gt=now
        )


class UserSession(models.Model):
    """Metadata of a signed-in browser session; deleted together with the session."""

    class AuthenticationMethod(models.TextChoices):
        """How the user authenticated at the start of the session."""

        PASSWORD = "password", _("Password")
        APP = "app", _("Password and code from the app")
        RECOVERY_CODE = "recovery_code", _("Password and recovery code")
        PASSKEY = "passkey", _("Passkey")
        MICROSOFT = "microsoft", _("Microsoft")
        SSO = "sso", _("SSO from a portal")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="open_sessions")
    of_support = _build_of_support_field()
    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="opened")  # its key is a hash
    session_version = models.PositiveIntegerField()  # of the user; after a change the session is invalid
    how = models.CharField(max_length=20, choices=AuthenticationMethod)
    address = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=20)
    system = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)  # time of sign-in; nothing later changes it
    last_used_at = models.DateTimeField(default=timezone.now)  # behind by at most `session_expiry.LAST_USED_PRECISION`

    objects = UserSessionQuerySet.as_manager()

    class Meta:
        constraints = [SameOfficeForeignKey("user"), _build_support_foreign_key()]

    def __str__(self) -> str:
        known = gettext("%(browser)s on %(system)s") % {"browser": self.browser, "system": self.system}
        return known if self.browser and self.system else self.browser or self.system or gettext("unknown browser")

    @property
    def lifetime(self) -> session_expiry.SessionLifetime:
        return session_expiry.SessionLifetime(
            self.created_at, self.last_used_at, by_sso=self.how == self.AuthenticationMethod.SSO
        )
