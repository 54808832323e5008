"""Offices, their Microsoft tenants, and their users with one of three login methods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import is_password_usable
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device

from accounts.email_texts import OfficeEmailText as OfficeEmailText
from accounts.logos import OfficeLogo as OfficeLogo
from accounts.previous_password import PREVIOUS_PASSWORD_IS_WHOLE, PreviousPassword
from core.composite_keys import CompositeForeignKey, SameOfficeForeignKey
from core.ids import uuid7
from core.key_fields import KeyedModel, KeyedQuerySet, KeyField
from core.keys import compute_email_key, compute_name_key, compute_search_key, compute_username_key

MIN_DATETIME = Value(datetime(1, 1, 1, tzinfo=UTC), output_field=models.DateTimeField())  # sorts first
_PASSWORD_USABLE = ~Q(password="") & ~Q(password__startswith="!")  # noqa: S106
_EXTERNAL = ("external_tenant", "external_tid", "external_user_id")
_NO_IDENTITY: dict[str, Any] = dict.fromkeys(_EXTERNAL)
_IDENTITY: dict[str, Any] = {f"{name}__isnull": False for name in _EXTERNAL}
_NO_FACTOR = Q(login_method="website_sso", second_factor_at=None, blocked_at=None, accepted_at__isnull=False)
_ACCEPTED, _NOT_ACCEPTED = Q(accepted_at__isnull=False), Q(accepted_at=None, blocked_at=None)
_SIGNS_IN: dict[str, Any] = {"username__isnull": False, "accepted_at__isnull": False}


class Provider(KeyedModel):
    """An office: the tenancy boundary. No user sees data of another office."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=100)
    name_key = KeyField("name", compute=compute_name_key)
    sort_name = KeyField("name", compute=compute_search_key, max_length=100)
    invitation_days = models.PositiveSmallIntegerField(_("invitation validity in days"), default=4)
    # Who must use two-factor; permissions/inactive.py applies these three rules.
    two_factor_managers = models.BooleanField(_("Administrators of the office"), default=False)
    two_factor_from = models.DateField(_("Everyone, from"), null=True, blank=True)
    two_factor_days = models.PositiveSmallIntegerField(
        _("Everyone, this many days after their first login"), null=True, blank=True
    )
    two_factor_days_since = models.DateField(null=True, editable=False)  # period start for users who signed in before
    erase_after_months = models.PositiveSmallIntegerField(_("months to keep former users' accounts"), default=24)
    checkpoint_addresses = models.TextField(blank=True)  # one a line; recipients of signed checkpoints of the audit log
    established_at = models.DateTimeField(null=True, editable=False)  # first sign-in of an administrator
    support_may_look = models.BooleanField(_("Loket support may impersonate users (read-only)"), default=True)
    email_language = models.CharField(_("Language of e-mails"), max_length=7, default=settings.LANGUAGE_CODE)
    suspended_at = models.DateTimeField(null=True, editable=False)  # see users.suspension
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change
    created_at = models.DateTimeField(auto_now_add=True)

    objects = KeyedQuerySet["Provider"].as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("office"), _("offices")
        indexes = [models.Index(fields=["sort_name"], opclasses=["varchar_pattern_ops"], name="provider_by_name")]
        constraints = [
            models.CheckConstraint(
                condition=Q(invitation_days__gte=1, invitation_days__lte=30), name="provider_invitation_days"
            ),
            models.CheckConstraint(
                condition=Q(two_factor_days=None, two_factor_days_since=None)
                | Q(two_factor_days__isnull=False, two_factor_days__range=(1, 90), two_factor_days_since__isnull=False),
                name="provider_two_factor_days",
            ),
        ]

    def __str__(self) -> str:
        return self.name


def build_office_filter(user: User) -> Q:
    """Return the condition that a row belongs to the office of `user`; false for support users, who have no office."""
    return Q(provider_id=user.provider_id, provider_id__isnull=False)


class ExternalTenantQuerySet(KeyedQuerySet["ExternalTenant"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(build_office_filter(user))

    def proved(self) -> Self:
        """Return the confirmed tenants, which users may belong to."""
        return self.filter(confirmed_at__isnull=False)


ExternalTenantManager = models.Manager.from_queryset(ExternalTenantQuerySet)


class ExternalTenant(KeyedModel):
    """A Microsoft Entra tenant registered by an office; usable once confirmed to belong to that office."""

    class ConfirmationMethod(models.TextChoices):
        """How the tenant was confirmed: a sign-in from it by a user of the office, or a check by support."""

        MICROSOFT = "microsoft", _("Microsoft login")
        SUPPORT = "support", _("support")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="tenants")
    name = models.CharField(_("Name"), max_length=28)
    name_key = KeyField("name", compute=compute_name_key)
    tenant_id = models.UUIDField(_("Azure AD Tenant ID"))
    confirmed_at = models.DateTimeField(null=True, editable=False)
    confirmation_method = models.CharField(max_length=10, choices=ConfirmationMethod, blank=True, editable=False)

    objects = ExternalTenantManager()

    class Meta:
        verbose_name, verbose_name_plural = _("Azure AD tenant"), _("Azure AD tenants")
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="tenant_id_provider"),
            models.UniqueConstraint(fields=["id", "tenant_id"], name="tenant_id_tenant_id"),
            models.UniqueConstraint(fields=["provider", "tenant_id"], name="tenant_once_per_provider"),
            models.UniqueConstraint(fields=["provider", "name_key"], name="tenant_name_once"),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmation_method="")
                | Q(confirmed_at__isnull=False) & ~Q(confirmation_method=""),
                name="tenant_proved_somehow",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LoginMethod(models.TextChoices):
    WEBSITE_SSO = "website_sso", _("Via website and SSO")
    SSO_WEBSERVICE = "sso_webservice", _("SSO/Webservice only")
    AZURE_AD = "azure_ad", _("Azure AD only")


class UserQuerySet(KeyedQuerySet["User"]):
    def visible_to(self, user: User) -> Self:
        """Return the users of the office of `user`; other users do not exist for them (rule 1)."""
        return self.filter(build_office_filter(user))


UserManager = models.Manager.from_queryset(UserQuerySet)


class User(KeyedModel, PreviousPassword, AbstractBaseUser):
    """A user or service account of one office (limits: domain.md section 2), or a support user without an office."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Null for support users only: `office` is for code that they never reach.
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="users")
    is_support = models.BooleanField(default=False, editable=False)
    login_method = models.CharField(_("Login method"), max_length=20, choices=LoginMethod)
    username = models.CharField(_("Username"), max_length=50, null=True)
    username_key = KeyField("username", compute=compute_username_key, null=True, unique=True)
    initials = models.CharField(_("Initials"), max_length=6)
    first_name = models.CharField(_("First name"), max_length=28, blank=True)
    prefix = models.CharField(_("Prefix"), max_length=10, blank=True)
    last_name = models.CharField(_("Last name"), max_length=25)
    email = models.EmailField(_("E-mail address"), max_length=255)
    email_key = KeyField("email", compute=compute_email_key)
    phone_number = models.CharField(_("Phone number"), max_length=15, blank=True)
    place_of_employment = models.CharField(_("Place of employment"), max_length=24, blank=True)
    has_access_to_test_years = models.BooleanField(_("Access to test years"), default=False)
    access_until = models.DateField(_("Access until"), null=True, blank=True)
    two_factor_required = models.BooleanField(_("Two-factor required"), default=False)
    external_tenant = models.ForeignKey(ExternalTenant, on_delete=models.PROTECT, null=True, related_name="users")
    external_tid = models.UUIDField(null=True, editable=False)  # copy of the tenant's id, kept equal by a foreign key
    external_user_id = models.UUIDField(_("Azure AD User ID"), null=True)
    accepted_at = models.DateTimeField(null=True, editable=False)
    blocked_at = models.DateTimeField(null=True, editable=False)
    password_changed_at = models.DateTimeField(null=True, editable=False)
    second_factor_at = models.DateTimeField(null=True, editable=False)  # null: none; set by authentication.mfa
    session_version = models.PositiveIntegerField(default=1, editable=False)  # incremented to end every session
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change of the details
    created_at = models.DateTimeField(auto_now_add=True)
    sort_name = KeyField("last_name", "prefix", "initials", compute=compute_search_key, max_length=60)
    search_text = KeyField(
        "initials", "first_name", "prefix", "last_name", "username", "email", compute=compute_search_key
    )

    history_key: bytes | None = None  # set by queries that annotate it, see `audit.encryption_keys`
    otp_device: Device | None = None  # second factor that was passed in this session, set by django_otp

    objects = UserManager()
    USERNAME_FIELD = "username_key"

    class Meta:
        verbose_name, verbose_name_plural = _("user"), _("users")
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="user_id_provider"),
            models.UniqueConstraint(fields=["id", "is_support"], name="user_id_is_support"),
            models.UniqueConstraint(
                fields=["external_tid", "external_user_id"],
                condition=Q(external_user_id__isnull=False),
                name="user_external_identity_once",
            ),
            models.CheckConstraint(
                condition=Q(username__isnull=True, username_key__isnull=True)
                | Q(username__isnull=False, username_key__isnull=False),
                name="user_username_with_key",
            ),
            models.CheckConstraint(
                condition=(
                    Q(login_method="website_sso", **_NO_IDENTITY)
                    & (
                        Q(accepted_at=None, username=None) & ~_PASSWORD_USABLE
                        | Q(accepted_at__isnull=False, username__isnull=False) & _PASSWORD_USABLE
                    )
                )
                | Q(_PASSWORD_USABLE, login_method="sso_webservice", **_NO_IDENTITY, **_SIGNS_IN)
                | Q(~_PASSWORD_USABLE, login_method="azure_ad", **_IDENTITY, **_SIGNS_IN),
                name="user_kind_is_whole",
            ),
            PREVIOUS_PASSWORD_IS_WHOLE,
            models.CheckConstraint(
                condition=Q(two_factor_required=False) | Q(login_method="website_sso"),
                name="user_two_factor_website_only",
            ),
            models.CheckConstraint(
                condition=Q(is_support=False, provider__isnull=False)
                | Q(is_support=True, provider=None, login_method="website_sso"),
                name="user_support_without_office",
            ),
            SameOfficeForeignKey("external_tenant"),
            CompositeForeignKey(
                fields=["external_tenant", "external_tid"],
                to_fields=["id", "tenant_id"],
                name="accounts_user_external_tid_same_tenant",
            ),
        ]
        indexes = [
            models.Index(fields=["provider", "sort_name", "id"], name="user_by_name"),
            models.Index(fields=["provider", "email_key", "id"], name="user_by_email"),
            models.Index("provider", Coalesce("username_key", Value("")), "id", name="user_by_username"),
            models.Index("provider", Coalesce("last_login", MIN_DATETIME), "id", name="user_by_last_login"),
            models.Index(fields=["email_key"], name="user_by_address"),
            models.Index(fields=["sort_name"], opclasses=["varchar_pattern_ops"], name="user_by_name_anywhere"),
            models.Index("provider", "two_factor_required", "accepted_at", condition=_NO_FACTOR, name="user_no_factor"),
            # For the lists of dormant accounts (`users.dormant_accounts`).
            models.Index(
                "provider",
                Coalesce("last_login", "accepted_at"),
                "id",
                condition=Q(accepted_at__isnull=False, blocked_at=None),
                name="user_by_last_seen",
            ),
            models.Index(
                fields=["provider", "access_until", "id"],
                condition=Q(access_until__isnull=False, blocked_at=None),
                name="user_by_end",
            ),
            models.Index(fields=["provider", "created_at", "id"], condition=_NOT_ACCEPTED, name="user_not_accepted"),
            models.Index(
                "provider",
                Coalesce("password_changed_at", MIN_DATETIME),
                "id",
                condition=Q(login_method="sso_webservice", blocked_at=None),
                name="user_by_password_age",
            ),
            # For who came and left, on the home page.
            models.Index(fields=["provider", "accepted_at"], condition=_ACCEPTED, name="user_by_acceptance"),
            models.Index(fields=["provider", "blocked_at"], condition=Q(blocked_at__isnull=False), name="user_blocked"),
        ]

    def __str__(self) -> str:
        return self.full_name

    def save(self, **options: Any) -> None:
        self.external_tid = self.external_tenant.tenant_id if self.external_tenant else None
        super().save(**options)

    @property
    def office(self) -> Provider:
        if self.provider is None:
            raise Provider.DoesNotExist
        return self.provider

    @property
    def full_name(self) -> str:
        """Name as in a sentence: 'P. de Boer'."""
        return " ".join(part for part in (self.initials, self.prefix, self.last_name) if part)

    @property
    def list_name(self) -> str:
        """Name as in a list: 'Boer, P. de'."""
        rest = " ".join(part for part in (self.initials, self.prefix) if part)
        return f"{self.last_name}, {rest}"

    @property
    def office_name(self) -> str:
        """Name of the office, or of the product for support users; used in e-mails and page headers."""
        return "Loket" if self.is_support else self.office.name

    @property
    def product_name_in_sentence(self) -> str:
        """The product in a sentence: 'Loket of Kantoor Smit', or 'support of Loket' for support users."""
        return gettext("the Loket support team") if self.is_support else gettext("Loket at %s") % self.office.name

    @property
    def monogram(self) -> str:
        return (self.initials[:1] + self.last_name[:1]).upper()

    @property
    def is_website_user(self) -> bool:
        return self.login_method == LoginMethod.WEBSITE_SSO

    @property
    def is_webservice_user(self) -> bool:
        return self.login_method == LoginMethod.SSO_WEBSERVICE

    @property
    def is_azure_user(self) -> bool:
        return self.login_method == LoginMethod.AZURE_AD

    def is_verified(self) -> bool:
        return self.otp_device is not None

    def has_ended(self) -> bool:
        """Return whether the last day of access is before today, in the office's time zone."""
        return self.access_until is not None and self.access_until < timezone.localdate()

    @property
    def office_is_suspended(self) -> bool:
        return not self.is_support and self.office.suspended_at is not None

    @property
    def is_denied_access(self) -> bool:
        """Whether access is denied, including to an open invitation: blocked, ended, or office suspended."""
        return self.blocked_at is not None or self.has_ended() or self.office_is_suspended

    @property
    def may_sign_in(self) -> bool:
        return self.accepted_at is not None and not self.is_denied_access

    @property
    def denial_reason(self) -> str:
        """Code of the reason why sign-in is denied, for the audit trail; "" if it is not."""
        if self.blocked_at is not None:
            return "blocked"
        if self.office_is_suspended:
            return "closed"
        return "" if self.may_sign_in else "ended"

    @property
    def has_password(self) -> bool:
        return is_password_usable(self.password) and bool(self.password)

    def get_session_auth_hash(self) -> str:
        """Return the hash stored in a session; it changes with the password and when all sessions are ended."""
        return self._session_hash(None)

    def get_session_auth_fallback_hash(self) -> Any:
        from django.conf import settings

        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes | None) -> str:
        value = f"{self.password}:{self.session_version}"
        return salted_hmac("accounts.User.session", value, secret=secret, algorithm="sha256").hexdigest()


class EmailChange(models.Model):
    """A new e-mail address, pending until it is confirmed from that address (rule 5)."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="email_change")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE)
    email = models.EmailField(max_length=255)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    asked_by = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")  # null: the operator

    class Meta:
        constraints = [SameOfficeForeignKey("user")]

    def __str__(self) -> str:
        return self.email


class AccountReviewSubscription(models.Model):
    """A user's subscription to the monthly e-mail about dormant accounts: thresholds, and when the next one is due."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="hygiene_mail")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False, related_name="+")
    days = models.PositiveSmallIntegerField()
    password_days = models.PositiveSmallIntegerField()
    due_on = models.DateField()

    class Meta:
        constraints = [SameOfficeForeignKey("user")]
        indexes = [models.Index(fields=["due_on", "user"], name="hygiene_mail_due")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.due_on}"
