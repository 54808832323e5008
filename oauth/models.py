"""Models of the OAuth2 and OpenID Connect provider: applications, consents and SSO tickets.

The protocol columns come from django-oauth-toolkit. Added here: the office, time-ordered identifiers and the session
version that invalidates a token.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypedDict
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from jwcrypto.jwk import JWK
from oauth2_provider.models import AbstractApplication

from accounts.models import Provider, User
from core import clock_skew, encryption
from core.composite_keys import SameOfficeForeignKey
from core.ids import uuid7
from core.key_fields import KeyedModel, KeyField
from core.keys import compute_name_key
from oauth.client_assertions import UsedAssertion as UsedAssertion
from oauth.client_sessions import ClientSession as ClientSession
from oauth.client_settings import CLIENT_CONSTRAINTS, CLIENT_INDEXES, MAX_URI_LENGTH, ClientSettings
from oauth.office_access import OfficeAccess as OfficeAccess
from oauth.office_access import OfficeAccessTeam as OfficeAccessTeam
from oauth.office_access import is_closed_to
from oauth.pushed_requests import PushedRequest as PushedRequest
from oauth.scopes import API_SCOPES, Scope, sort_scopes
from oauth.signing_keys import ALGORITHMS
from oauth.signing_keys import SigningKey as SigningKey
from oauth.token_models import AccessToken as AccessToken
from oauth.token_models import AuthorizationCode as AuthorizationCode
from oauth.token_models import IDToken as IDToken
from oauth.token_models import RefreshToken as RefreshToken
from oauth.token_models import SessionBoundModel
from permissions.models import OfficeQuerySet

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

TICKET_LIFETIME_SECONDS = 60
_BUILT_IN_CLIENT_ID = "webservice"


def _is_readable_address(address: str) -> bool:
    """Return whether the library can compare `address` with registered ones: it fails for `http://[`."""
    try:
        urlsplit(address)
    except ValueError:
        return False
    return True


class ApplicationQuerySet(OfficeQuerySet["Application"]):
    def serving(self, provider: Provider) -> Self:
        """Return the applications that this office registered, and those of partners."""
        return self.registered().filter(Q(provider=provider) | Q(provider=None))

    def get_built_in(self) -> Application:
        """Return the application shared by all SSO/Webservice users, creating it on first use."""
        values = {"name": "Webservice", "scopes": list(API_SCOPES), "authorization_grant_type": "client-credentials"}
        return self.get_or_create(client_id=_BUILT_IN_CLIENT_ID, defaults=values)[0]

    def registered(self) -> Self:
        """Exclude the built-in application: offices and partners register the others."""
        return self.exclude(client_id=_BUILT_IN_CLIENT_ID)


ApplicationManager = models.Manager.from_queryset(ApplicationQuerySet)


class Application(KeyedModel, ClientSettings, AbstractApplication):  # type: ignore[misc]
    """An OAuth client ("koppeling") of one office. A null `provider` makes it a partner's, open to all offices."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    name = models.CharField(_("Name"), max_length=50)
    name_key = KeyField("name", compute=compute_name_key)
    client_id = models.CharField(max_length=50, unique=True, default=uuid7, editable=False)
    authorization_grant_type = models.CharField(
        max_length=44, default=AbstractApplication.GRANT_AUTHORIZATION_CODE, editable=False
    )
    algorithm = models.CharField(
        _("Signature of ID tokens"),
        max_length=5,
        choices=[(name, name) for name in ALGORITHMS],
        default=AbstractApplication.RS256_ALGORITHM,
    )
    client_secret = models.CharField(max_length=64, default="", editable=False)  # SHA-256 of 256 random bits
    previous_secret = models.CharField(max_length=64, default="", editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)  # until when the previous secret is accepted
    scopes = ArrayField(models.CharField(max_length=20), verbose_name=_("Scopes"))
    backchannel_logout_uri = models.CharField(
        _("Address for logging out"), max_length=MAX_URI_LENGTH, blank=True, default=""
    )
    backchannel_logout_session_required = models.BooleanField(
        _("The integration needs to know which session ended (sid)"), default=False
    )
    switched_off_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)  # when it last obtained a token
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change

    # Library fields for features that are not used here.
    user = client_type = None
    hash_client_secret = None
    skip_authorization = None
    allowed_origins = None
    cimd_expires_at = None

    objects: Any = ApplicationManager()  # mypy loses the type because of the library's base class

    class Meta:
        verbose_name, verbose_name_plural = _("integration"), _("integrations")
        indexes = CLIENT_INDEXES
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="application_id_provider"),
            models.UniqueConstraint(
                fields=["provider", "name_key"], name="application_name_once", nulls_distinct=False
            ),
            *CLIENT_CONSTRAINTS,
        ]

    def is_usable(self, request: object = None) -> bool:
        """Return whether the application is enabled (called by the library)."""
        return self.switched_off_at is None

    def serves_office_of(self, user: User) -> bool:
        """Return whether the application is for the office of `user`."""
        return not user.is_support and self.provider_id in (None, user.provider_id)

    def is_available_to(self, user: User) -> bool:
        """Return whether `user` may use the application: it is for their office, and not for other teams only."""
        return self.serves_office_of(user) and not is_closed_to(self, user)

    def check_secret(self, secret: str) -> bool:
        """Check `secret` against the current secret, and against the previous one during its grace period."""
        hashed = encryption.hash_token(secret)
        if constant_time_compare(hashed, self.client_secret):
            return True
        return self.has_previous_secret and constant_time_compare(hashed, self.previous_secret)

    @property
    def has_previous_secret(self) -> bool:
        """Whether the previous secret is still accepted."""
        return self.previous_until is not None and self.previous_until > timezone.now()

    def get_allowed_schemes(self) -> list[str]:
        """Also allow http, which registration accepts for loopback addresses only."""
        return ["https", "http"]

    def redirect_uri_allowed(self, uri: str) -> bool:
        return self._is_registered(uri, self.redirect_uris) and bool(super().redirect_uri_allowed(uri))

    def post_logout_redirect_uri_allowed(self, uri: str) -> bool:
        is_registered = self._is_registered(uri, self.post_logout_redirect_uris)
        return is_registered and bool(super().post_logout_redirect_uri_allowed(uri))

    def _is_registered(self, uri: str, registered: str) -> bool:
        """Return whether `uri` may be one of `registered`, for the library to decide.

        For a client on a server only exactly (RFC 9700 section 2.1): the library also accepts any port of a loopback
        address, which native apps need (RFC 8252 section 7.3), and those are public clients.
        """
        return _is_readable_address(uri) if self.is_public else uri in registered.split()

    @property
    def jwk_key(self) -> JWK:
        """The current ID token signing key, shared by all applications with this algorithm."""
        return SigningKey.objects.get_current(self.algorithm).jwk


class ConsentQuerySet(OfficeQuerySet["Consent"]):
    def with_office_scopes(self) -> Self:
        """Annotate with `office_scopes`, those that the office consented to for all its users."""
        office = OfficeAccess.objects.filter(provider=OuterRef("provider"), application=OuterRef("application"))
        return self.annotate(office_scopes=Subquery(office.values("scopes")))


class Consent(models.Model):
    """Permission for an application to act on behalf of a user; no user token is issued without it.

    `scopes` are those that the user agreed to, none if the office did so for all its users (`OfficeAccess`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="consents")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="consents")
    scopes = ArrayField(models.CharField(max_length=20))
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    office_scopes: list[str] | None = None  # set by `with_office_scopes`

    objects = ConsentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "application"], name="consent_once"),
            SameOfficeForeignKey("user"),
        ]

    def __str__(self) -> str:
        return str(self.application)

    @property
    def known_scopes(self) -> list[Scope]:
        return sort_scopes([*self.scopes, *(self.office_scopes or ())])


class IntegrationsAnnotation(TypedDict):
    """Whether a user has given consent to any application."""

    has_integrations: bool


UserWithIntegrations: TypeAlias = "WithAnnotations[User, IntegrationsAnnotation]"


def annotate_has_integrations(users: QuerySet[User]) -> QuerySet[UserWithIntegrations]:
    """Annotate `users` with `has_integrations`."""
    return users.annotate(has_integrations=Exists(Consent.objects.filter(user_id=OuterRef("pk"))))


class SsoTicket(SessionBoundModel):
    """A single-use sign-in link from a portal, valid for one minute and stored as its SHA-256."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    next = models.CharField(max_length=1000)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [SameOfficeForeignKey("user")]

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self) -> bool:
        """Return whether the ticket can still be redeemed."""
        user, application = self.user, self.application
        in_time = clock_skew.is_still_valid(
            self.expires_at, within=timedelta(seconds=TICKET_LIFETIME_SECONDS)
        ) and self.is_valid_for(user)
        may_use = application.is_usable() and application.is_available_to(user)
        return in_time and user.may_sign_in and not user.is_azure_user and may_use


class IdempotentResponse(models.Model):
    """The response to a request with an Idempotency-Key, replayed for repeated requests during 24 hours."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key_hash = models.CharField(max_length=64, unique=True)  # of the caller, the path and the key
    body_hash = models.CharField(max_length=64)
    encrypted_response = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [SameOfficeForeignKey("user")]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def encryption_context(self) -> str:
        """The encryption context of the stored response."""
        return f"idempotent response:{self.pk}"
