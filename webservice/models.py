"""What the web service keeps: programs, what people allowed them, and tokens, of which only hashes are kept.

The columns of the protocol are those of django-oauth-toolkit; ours are the office, identifiers and what ends a token.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from jwcrypto.jwk import JWK
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
)

from accounts.models import Provider, User, in_office_of
from loket import clocks, sealing
from loket.ids import uuid7
from webservice import keys
from webservice.scopes import API, Scope, known

TICKET_SECONDS = 60
_BUILT_IN = "webservice"


class HashedField(models.CharField):  # type: ignore[type-arg]
    """A random code of which the table has the SHA-256 only; it is looked up by what it is, and read as its hash."""

    def get_prep_value(self, value: Any) -> Any:
        """Return what the database knows the code by."""
        return value and sealing.token_hash(str(value))


class ApplicationQuerySet(models.QuerySet["Application"]):
    """Questions over many programs."""

    def visible_to(self, user: User) -> Self:
        """Return the programs that the office of `user` registered itself (rule 1)."""
        return self.filter(in_office_of(user))

    def built_in(self) -> Application:
        """Return the one program that serves every SSO/Webservice user."""
        values = {"name": "Webservice", "scopes": list(API), "authorization_grant_type": "client-credentials"}
        return self.get_or_create(client_id=_BUILT_IN, defaults=values)[0]

    def registered(self) -> Self:
        """Return those that an office or a partner registered: all but the built-in one."""
        return self.exclude(client_id=_BUILT_IN)


ApplicationManager = models.Manager.from_queryset(ApplicationQuerySet)


class Application(AbstractApplication):  # type: ignore[misc]
    """A program that may ask people for access ("koppeling"): of one office, or without one a partner's, for all."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")
    name = models.CharField(_("Name"), max_length=50)
    client_id = models.CharField(max_length=50, unique=True, default=uuid7, editable=False)
    client_type = models.CharField(max_length=32, default=AbstractApplication.CLIENT_CONFIDENTIAL, editable=False)
    authorization_grant_type = models.CharField(
        max_length=44, default=AbstractApplication.GRANT_AUTHORIZATION_CODE, editable=False
    )
    algorithm = models.CharField(max_length=5, default=AbstractApplication.RS256_ALGORITHM, editable=False)
    client_secret = models.CharField(max_length=64, default="", editable=False)  # SHA-256 of 256 random bits
    previous_secret = models.CharField(max_length=64, default="", editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)  # how long the one before still works
    scopes = ArrayField(models.CharField(max_length=20), verbose_name=_("Scopes"))
    switched_off_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)  # when it got a token last
    version = models.PositiveIntegerField(default=1, editable=False)  # raised by every change

    # What the library has for ways that are not gone here.
    user = None
    hash_client_secret = None
    skip_authorization = None
    allowed_origins = None
    cimd_expires_at = None

    objects: Any = ApplicationManager()  # of ApplicationQuerySet, which the library's base hides from the checker

    class Meta:
        verbose_name, verbose_name_plural = _("integration"), _("integrations")
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="application_id_provider"),
        ]
        indexes = [models.Index(fields=["provider", "name", "id"], name="application_by_name")]

    def is_usable(self, request: object = None) -> bool:
        """Return whether the program is switched on."""
        return self.switched_off_at is None

    def serves(self, user: User) -> bool:
        """Return whether the people of the office of `user` may use the program."""
        return not user.is_support and self.provider_id in (None, user.provider_id)

    def has_secret(self, secret: str) -> bool:
        """Return whether `secret` is the program's, or the one before while that still works."""
        hashed = sealing.token_hash(secret)
        if constant_time_compare(hashed, self.client_secret):
            return True
        return self.has_old_secret and constant_time_compare(hashed, self.previous_secret)

    @property
    def has_old_secret(self) -> bool:
        """Whether the secret before the present one still works."""
        return self.previous_until is not None and self.previous_until > timezone.now()

    def get_allowed_schemes(self) -> list[str]:
        """Return the schemes of redirect URIs; plain http was registered for a loopback address only."""
        return ["https", "http"]

    @property
    def jwk_key(self) -> JWK:
        """The key that signs ID tokens now, the same for every program."""
        return SigningKey.objects.current().jwk


class OfOnePerson(models.Model):
    """What one person has, as long as his sessions are of the same version."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    session_version = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it; what was made for somebody dies with the version of his sessions that it was made under."""
        if self._state.adding:
            self.provider_id = self.user.provider_id  # type: ignore[attr-defined]
            self.session_version = self.user.session_version  # type: ignore[attr-defined]
        super().save(*args, **kwargs)

    def is_of(self, user: User) -> bool:
        """Return whether nothing has ended what `user` had when this was made."""
        return self.session_version == user.session_version


class FromSignIn(models.Model):
    """When and how the user of a code or token proved who they are, in the browser session in which it began.

    Codes hand it to their tokens and refresh tokens to the next ones, so that refreshing never makes it newer. Empty
    for a client that authenticated as itself (client credentials): there was no user.
    """

    authenticated_at = models.DateTimeField(null=True)
    with_factor = models.BooleanField(default=False, db_default=False)  # with a second factor, or at Microsoft

    class Meta:
        abstract = True

    def take_evidence(self, source: FromSignIn) -> None:
        """Take over when and how the user of `source` proved who they are."""
        self.authenticated_at, self.with_factor = source.authenticated_at, source.with_factor


class Grant(OfOnePerson, FromSignIn, AbstractGrant):  # type: ignore[misc]  # noqa: DJ008
    """An authorization code, good for one minute and one use."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = HashedField(max_length=64, unique=True)

    class Meta(AbstractGrant.Meta):  # type: ignore[misc]
        indexes = [models.Index(fields=["expires"], name="grant_by_expiry")]


class AccessToken(OfOnePerson, FromSignIn, AbstractAccessToken):  # type: ignore[misc]  # noqa: DJ008
    """What a program shows at every call, known by its SHA-256."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")

    class Meta(AbstractAccessToken.Meta):  # type: ignore[misc]
        indexes = [models.Index(fields=["expires"], name="access_token_by_expiry")]

    @property
    def working_scopes(self) -> list[Scope]:
        """What it is for, as far as the program may still ask for that."""
        return known(set(self.scope.split()) & set(self.application.scopes))


class RefreshToken(OfOnePerson, FromSignIn, AbstractRefreshToken):  # type: ignore[misc]  # noqa: DJ008
    """What a program gets its next access token with, once; known by its SHA-256."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta(AbstractRefreshToken.Meta):  # type: ignore[misc]
        pass


class IDToken(OfOnePerson, AbstractIDToken):  # type: ignore[misc]  # noqa: DJ008
    """That a program was told who somebody is; what it was told is not kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")

    class Meta(AbstractIDToken.Meta):  # type: ignore[misc]
        indexes = [models.Index(fields=["expires"], name="id_token_by_expiry")]


class ConsentQuerySet(models.QuerySet["Consent"]):
    """Questions over what people allowed."""

    def visible_to(self, user: User) -> Self:
        """Return what the people of the office of `user` allowed (rule 1)."""
        return self.filter(in_office_of(user))


ConsentManager = models.Manager.from_queryset(ConsentQuerySet)


class Consent(models.Model):
    """That somebody let a program act for him: without it no token of his is given out."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="consents")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="consents")
    scopes = ArrayField(models.CharField(max_length=20))
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    objects = ConsentManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "application"], name="consent_once")]

    def __str__(self) -> str:
        return str(self.application)

    @property
    def known_scopes(self) -> list[Scope]:
        """What was allowed."""
        return known(self.scopes)


def with_integrations(users: QuerySet[User]) -> QuerySet[User]:
    """Return `users` with `has_integrations`: whether each let some program act for him."""
    return users.annotate(has_integrations=Exists(Consent.objects.filter(user_id=OuterRef("pk"))))


class Ticket(OfOnePerson):
    """An address with which somebody comes in from a portal, once, within a minute; known by its SHA-256."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    next = models.CharField(max_length=1000)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.pk)

    def is_open(self) -> bool:
        """Return whether the address still works."""
        user, application = self.user, self.application
        in_time = clocks.is_before(self.expires_at, within=timedelta(seconds=TICKET_SECONDS)) and self.is_of(user)
        return in_time and user.may_sign_in and not user.is_azure_user and application.is_usable()


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    """Questions over the keys."""

    def current(self) -> SigningKey:
        """Return the key that signs now; the very first one is made here."""
        now = timezone.now()
        key = self.filter(signs_from__lte=now).order_by("-signs_from").first()
        return key or self.add(signs_from=now)

    def add(self, *, signs_from: datetime) -> SigningKey:
        """Make a key that signs from that moment on."""
        kid, sealed = keys.new()
        return self.create(kid=kid, sealed_pem=sealed, signs_from=signs_from)

    def published(self, now: datetime | None = None) -> list[SigningKey]:
        """Return the keys that somebody may still need to check an ID token with, newest first."""
        now = now or timezone.now()
        found = list(self.order_by("-signs_from"))
        settled = [key.signs_from for key in found if key.signs_from <= now - keys.ID_TOKEN_LIFE]
        return [key for key in found if not settled or key.signs_from >= settled[0]]


SigningKeyManager = models.Manager.from_queryset(SigningKeyQuerySet)


class SigningKey(models.Model):
    """A key that signs ID tokens, sealed; the newest one whose time has come is used."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kid = models.CharField(max_length=43, unique=True)
    sealed_pem = models.BinaryField()
    signs_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SigningKeyManager()

    def __str__(self) -> str:
        return self.kid

    @property
    def seal_context(self) -> str:
        """What the key is bound to: under another name it cannot be read."""
        return keys.context(self.kid)

    @property
    def jwk(self) -> JWK:
        """The key itself. Raises sealing.Unreadable when no sealing key opens it."""
        return keys.opened(self.kid, bytes(self.sealed_pem))


class KeptAnswer(models.Model):
    """The answer to a request with an Idempotency-Key, for 24 hours: the same request again gets it again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key_hash = models.CharField(max_length=64, unique=True)  # of the caller, the address and the key
    body_hash = models.CharField(max_length=64)
    sealed_answer = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def seal_context(self) -> str:
        """What the sealed answer is bound to."""
        return f"webservice answer:{self.pk}"
