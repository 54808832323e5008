"""Models of authorization codes and tokens, which are stored as hashes only."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.utils import timezone
from oauth2_provider.models import AbstractAccessToken, AbstractGrant, AbstractIDToken, AbstractRefreshToken

from accounts.models import Provider, User
from core import encryption
from core.composite_keys import SameOfficeForeignKey
from core.ids import uuid7
from oauth.scopes import Scope, sort_scopes

_RESPONSE_CONTEXT = "refresh response"


class HashedField(models.CharField):  # type: ignore[type-arg]
    """A random code stored as its SHA-256. Look up by the plain code; reading returns the hash."""

    def get_prep_value(self, value: Any) -> Any:
        return value and encryption.hash_token(str(value))


class SessionBoundModel(models.Model):
    """A row that is valid only while the session version of its user is unchanged."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    session_version = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Copy the office and the session version from the user when the row is created."""
        if self._state.adding:
            self.provider_id = self.user.provider_id  # type: ignore[attr-defined]
            self.session_version = self.user.session_version  # type: ignore[attr-defined]
        super().save(*args, **kwargs)

    def is_valid_for(self, user: User) -> bool:
        """Return whether the sessions of `user` have not been ended since the row was created."""
        return self.session_version == user.session_version


class SignInEvidence(models.Model):
    """When and how the user of a code or token authenticated, in the browser session in which the flow started.

    Codes pass it to their tokens and refresh tokens to their successors, so refreshing never makes it more recent. Null
    for client credentials, where no user is present.
    """

    authenticated_at = models.DateTimeField(null=True)
    with_factor = models.BooleanField(default=False, db_default=False)  # second factor or Microsoft
    sid = models.UUIDField(null=True)  # of the ClientSession, also of one that ended; null without the scope openid

    EVIDENCE_FIELDS = ("authenticated_at", "with_factor", "sid")

    class Meta:
        abstract = True

    def copy_evidence(self, source: SignInEvidence) -> None:
        for name in self.EVIDENCE_FIELDS:
            setattr(self, name, getattr(source, name))


class AuthorizationCode(SessionBoundModel, SignInEvidence, AbstractGrant):  # type: ignore[misc]  # noqa: DJ008
    """An authorization code, valid for one minute and a single use."""

    code = HashedField(max_length=64, unique=True)

    class Meta(AbstractGrant.Meta):  # type: ignore[misc]
        constraints = [SameOfficeForeignKey("user")]
        indexes = [models.Index(fields=["expires"], name="grant_by_expiry")]


class AccessToken(SessionBoundModel, SignInEvidence, AbstractAccessToken):  # type: ignore[misc]  # noqa: DJ008
    """A bearer token, stored as its SHA-256."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey("oauth.Application", on_delete=models.CASCADE, related_name="+")

    class Meta(AbstractAccessToken.Meta):  # type: ignore[misc]
        constraints = [SameOfficeForeignKey("user")]
        indexes = [models.Index(fields=["expires"], name="access_token_by_expiry")]

    @property
    def effective_scopes(self) -> list[Scope]:
        """The token's scopes, limited to those the application may still request."""
        return sort_scopes(set(self.scope.split()) & set(self.application.scopes))


class RefreshToken(SessionBoundModel, SignInEvidence, AbstractRefreshToken):  # type: ignore[misc]  # noqa: DJ008
    """A single-use refresh token, stored as its SHA-256.

    `encrypted_response` is the response to its use, which only the token itself decrypts. A client that did not receive
    it, or that sends the token twice at the same time, gets it again within `REFRESH_TOKEN_GRACE_PERIOD_SECONDS` (RFC
    9700 section 4.14.2).
    """

    encrypted_response = models.BinaryField(default=b"")

    class Meta(AbstractRefreshToken.Meta):  # type: ignore[misc]
        constraints = [SameOfficeForeignKey("user")]

    def rotate(self) -> bool:
        """Mark the token as used; return False if it was used or revoked before. Its access token lives to its end."""
        now = timezone.now()
        return bool(type(self).objects.filter(pk=self.pk, revoked=None).update(revoked=now, updated=now))

    def save_response(self, token: str, response: dict[str, Any]) -> None:
        data = json.dumps(response).encode()
        self.encrypted_response = encryption.encrypt_with_token(data, token=token, context=_RESPONSE_CONTEXT)
        self.save(update_fields=["encrypted_response"])

    def read_response(self, token: str) -> dict[str, Any] | None:
        """Return the stored response, None if there is none."""
        encrypted = type(self).objects.filter(pk=self.pk).values_list("encrypted_response", flat=True).first()
        if not encrypted:
            return None
        response: dict[str, Any] = json.loads(
            encryption.decrypt_with_token(bytes(encrypted), token=token, context=_RESPONSE_CONTEXT)
        )
        return response

    def is_successor_used(self) -> bool:
        """Return whether the refresh token that replaced this one has been used or revoked."""
        return type(self).objects.filter(access_token__source_refresh_token=self.pk).exclude(revoked=None).exists()


class IDToken(SessionBoundModel, AbstractIDToken):  # type: ignore[misc]  # noqa: DJ008
    """Required by the library, without rows: an ID token is recognized by its signature."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey("oauth.Application", on_delete=models.CASCADE, related_name="+")

    class Meta(AbstractIDToken.Meta):  # type: ignore[misc]
        constraints = [SameOfficeForeignKey("user")]
        indexes = [models.Index(fields=["expires"], name="id_token_by_expiry")]
