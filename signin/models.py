"""What signing in keeps: counters of tries, links for a new password, second factors and open sessions.

`provider` is empty for support alone, which a foreign key of the database holds (see `loket.tenant_keys`).
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
from loket import clocks
from loket.ids import uuid7
from signin import expiry

RESET_MINUTES = 60


class Throttle(models.Model):
    """How many tries somebody spent under one limit, as the moment at which all of them are back (see `throttle`)."""

    key = models.CharField(max_length=64, primary_key=True)  # a keyed hash: who tried cannot be read
    full_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key[:8]


class ResetRequest(models.Model):
    """An address somebody typed because of a forgotten password, until the worker has looked whose it is."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sealed_email = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def seal_context(self) -> str:
        """What the address is bound to: moved to another row it cannot be read."""
        return f"reset request:{self.pk}"


class PasswordReset(models.Model):
    """A mailed link with which one person may choose a new password, once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="password_resets")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self, now: datetime | None = None) -> bool:
        """Return whether the link works at `now` (default: this moment) for somebody who may use the login page."""
        now = now or timezone.now()
        in_time = now < self.expires_at <= now + timedelta(minutes=RESET_MINUTES) + clocks.SKEW
        return in_time and self.user.is_website_user and self.user.may_sign_in


class AuthenticatorApp(models.Model):
    """An app that shows a code of six digits every thirty seconds (TOTP, RFC 6238); only confirmed ones are kept."""

    kind = _("Authenticator app")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="authenticator_apps")
    name = models.CharField(max_length=50)
    sealed_secret = models.BinaryField()
    last_step = models.BigIntegerField()  # the time step of the last code that was taken: none works twice
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    @property
    def seal_context(self) -> str:
        """What the secret is bound to: moved to another row it cannot be read."""
        return f"authenticator app:{self.pk}"


class Passkey(AbstractWebAuthnCredential):  # type: ignore[misc]
    """A key on a telephone, computer or security key (WebAuthn); the columns of the ceremony are the library's."""

    kind = _("Passkey")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    objects = models.Manager["Passkey"]()

    class Meta:
        verbose_name = _("Passkey")

    def __str__(self) -> str:
        return str(self.name)


class RecoveryCode(models.Model):
    """A code on paper that opens the door once, for who lost every device; only a keyed hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)


class DutyReminder(models.Model):
    """That somebody was told of the day from which a second factor is required, so many days before (`stage`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    due = models.DateField(db_index=True)
    stage = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "due", "stage"], name="duty_reminder_once")]

    def __str__(self) -> str:
        return f"{self.due}: {self.stage}"


class OpenSessionQuerySet(models.QuerySet["OpenSession"]):
    """Questions over many."""

    def alive(self) -> OpenSessionQuerySet:
        """Return those that have not ended by time, as `OpenSession.life` says of one."""
        now, by_sso = timezone.now(), Q(how=OpenSession.How.SSO)
        short, long = (Q(created_at__gt=now - expiry.lifetime(by_sso=is_short)) for is_short in (True, False))
        in_time = (by_sso & short) | (~by_sso & long)
        return self.filter(in_time, last_used_at__gt=now - expiry.idle(), session__expire_date__gt=now)


class OpenSession(models.Model):
    """What is known of a browser session of somebody who signed in; it goes with the session itself."""

    class How(models.TextChoices):
        """How somebody proved who he is when the session began."""

        PASSWORD = "password", _("Password")
        APP = "app", _("Password and code from the app")
        RECOVERY_CODE = "recovery_code", _("Password and recovery code")
        PASSKEY = "passkey", _("Passkey")
        MICROSOFT = "microsoft", _("Microsoft")
        SSO = "sso", _("SSO from a portal")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="open_sessions")
    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="opened")  # its key is a hash
    session_version = models.PositiveIntegerField()  # the user's: with another one the session is dead
    how = models.CharField(max_length=20, choices=How)
    address = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=20)
    system = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)  # at sign-in; nothing later in the session moves it
    last_used_at = models.DateTimeField(default=timezone.now)  # behind by at most `expiry.COARSE`

    objects = OpenSessionQuerySet.as_manager()

    def __str__(self) -> str:
        known = gettext("%(browser)s on %(system)s") % {"browser": self.browser, "system": self.system}
        return known if self.browser and self.system else self.browser or self.system or gettext("unknown browser")

    @property
    def life(self) -> expiry.Life:
        """Since when it lasts, and until when."""
        return expiry.Life(self.created_at, self.last_used_at, by_sso=self.how == self.How.SSO)
