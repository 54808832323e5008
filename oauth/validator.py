"""Request validator for the OAuth library: clients, users, codes and tokens."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749 import errors

from accounts.models import User
from authentication import reauthentication
from core import encryption
from oauth import authentication_context, consents, oidc, tokens
from oauth.access_claims import MAX_ID_TOKEN_GROUPS
from oauth.client_authentication import ClientAuthenticator, find_application
from oauth.models import AccessToken, Application, AuthorizationCode, ClientSession, RefreshToken
from oauth.resources import find_error as find_resource_error
from oauth.scopes import Scope
from oauth.signing_keys import SigningKey


class OAuthValidator(ClientAuthenticator, OAuth2Validator):  # type: ignore[misc]
    """Validates one request."""

    def __init__(self, http: HttpRequest) -> None:
        super().__init__(http)
        self._grant: AuthorizationCode | None = None
        self._refresh_token: RefreshToken | None = None

    def validate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether the application `client_id` may ask users for consent."""
        request.client = find_application(client_id)
        return request.client is not None and request.client.is_usable()

    def is_origin_allowed(self, client_id: str, origin: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Leave the headers for browsers to `middleware.cors_middleware`."""
        return False

    def validate_response_type(
        self, client_id: str, response_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return bool(response_type == "code")

    # Authorization codes.

    def _create_authorization_code(self, request: Any, code: Any, expires: Any = None) -> AuthorizationCode:
        """Store the code with when and how the user authenticated in this browser session."""
        created: AuthorizationCode = super()._create_authorization_code(request, code, expires)
        created.authenticated_at, created.with_factor = reauthentication.get_last_reauthentication(self.http)
        if Scope.OPENID in request.scopes:
            created.sid = ClientSession.objects.start(self.http, request.user, request.client.pk)
        created.save(update_fields=AuthorizationCode.EVIDENCE_FIELDS)
        return created

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether the code is valid for this application and its user. A replayed code revokes its tokens."""
        grants = AuthorizationCode.objects.select_related("user__provider")
        grant: AuthorizationCode | None = grants.filter(code=code, application=client).first()
        if grant is None:
            _revoke_replayed_tokens(code, client)
        if grant is None or grant.is_expired() or not _is_still_authorized(grant, client):
            return False
        self._grant, request.user, request.scopes = grant, grant.user, grant.scope.split()
        request.nonce, request.claims = grant.nonce or None, json.loads(grant.claims or "{}")
        return True

    def is_pkce_required(self, client_id: str, request: Any) -> bool:
        return not request.client.pkce_optional

    def get_code_challenge(self, code: str, request: Any) -> str | None:
        """Return the challenge of the code. Raises InvalidGrantError if only the token request is with PKCE.

        The challenge may have been taken out of the authorization request (RFC 9700 section 2.1.1).
        """
        challenge = (self._grant and self._grant.code_challenge) or None
        if challenge is None and request.code_verifier is not None:
            raise errors.InvalidGrantError(description="The code was requested without PKCE.", request=request)
        return challenge

    def get_code_challenge_method(self, code: str, request: Any) -> str | None:
        """Return the PKCE method: only S256 is accepted."""
        return (self._grant and self._grant.code_challenge_method) or None

    def confirm_redirect_uri(self, client_id: str, code: str, redirect_uri: str, *args: Any, **kwargs: Any) -> bool:
        """Return whether the code was issued for `redirect_uri`."""
        return bool(self._grant and self._grant.redirect_uri_allowed(redirect_uri))

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the code is deleted in the transaction that creates its tokens."""

    # Tokens.

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether the token is valid. Reuse of a refresh token revokes its whole family.

        A used token stays valid for a moment, until its successor is used: it then returns the same response.
        """
        try:
            if not super().validate_refresh_token(refresh_token, client, request, *args, **kwargs):
                return False
            found: RefreshToken = request.refresh_token_instance
            if found.revoked is not None and found.is_successor_used():
                RefreshToken.revoke_family(found.token_family)
                return False
            self._refresh_token = found
            return _is_still_authorized(found, client)
        except (Application.DoesNotExist, User.DoesNotExist):  # deleted concurrently
            return False

    def revoke_token(self, token: str, token_type_hint: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """Revoke a token of the client (RFC 7009). A refresh token, also a used one, takes its family with it.

        So does the access token of an unused refresh token. An older access token ends alone: its client has newer
        ones.
        """
        mine = Q(token_checksum=encryption.hash_token(token), application=request.client)
        current = Q(access_token__in=AccessToken.objects.filter(mine), revoked=None)
        if found := RefreshToken.objects.filter(mine | current).first():
            RefreshToken.revoke_family(found.token_family)
        else:
            AccessToken.objects.filter(mine).delete()

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Store the tokens. If the code was redeemed concurrently, also revoke the tokens issued for it."""
        try:
            super().save_bearer_token(token, request, *args, **kwargs)
        except errors.InvalidGrantError:
            if self._grant is not None:
                _revoke_replayed_tokens(request.code, request.client)
            raise

    def _save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Store the tokens in one transaction with the consent check and the audit event.

        The audience comes from the code or refresh token, so it is read while that exists.
        """
        self._check_and_set_request_resource(request)
        if not consents.use_consent(request.user, request.client, request.scopes):
            raise errors.InvalidGrantError(request=request)
        if self._grant is not None and not AuthorizationCode.objects.filter(pk=self._grant.pk).delete()[0]:
            raise errors.InvalidGrantError(request=request)  # the code was redeemed concurrently
        if (used := self._refresh_token) is not None and not used.rotate():
            self._replay_response(used, token, request)
            return
        request.refresh_token_instance = None  # the library would end the previous access token as well
        super()._save_bearer_token(token, request, *args, **kwargs)
        _update_last_used(request.client)  # before the session: turning off locks the application, then its sessions
        if (sid := self._source and self._source.sid) and not ClientSession.objects.touch(sid) and used is None:
            raise errors.InvalidGrantError(request=request)  # the session ended since the code was issued
        if used is not None:
            used.save_response(request.refresh_token, token)

    def _replay_response(self, used: RefreshToken, token: dict[str, Any], request: Any) -> None:
        """Replace `token` by the response to the earlier use.

        Raises InvalidGrantError if the token was revoked, or if this request is for other scopes or resources.
        """
        response = used.read_response(request.refresh_token)
        issued = AccessToken.objects.filter(source_refresh_token=used.pk).first()
        if response is None or set(response["scope"].split()) != set(request.scopes):
            raise errors.InvalidGrantError(request=request)
        if issued is None or set(issued.resource) != set(request.resource):
            raise errors.InvalidGrantError(request=request)
        token.clear()
        token.update(response)

    @property
    def _source(self) -> AuthorizationCode | RefreshToken | None:
        """The code or refresh token that the tokens of this request derive from."""
        return self._grant or self._refresh_token

    def _create_access_token(self, *args: Any, **kwargs: Any) -> AccessToken:
        """Store the token with the sign-in evidence of its code or refresh token."""
        created: AccessToken = super()._create_access_token(*args, **kwargs)
        created.source_refresh_token = self._refresh_token
        self._copy_evidence_to(created, "source_refresh_token")
        return created

    def _create_refresh_token(self, request: Any, *args: Any, **kwargs: Any) -> RefreshToken:
        """Store the token. The family is derived from the code that started it."""
        created: RefreshToken = super()._create_refresh_token(request, *args, **kwargs)
        if self._grant is not None:
            created.token_family = _compute_token_family(request.code)
        elif self._refresh_token is not None:
            created.token_family = self._refresh_token.token_family
        self._copy_evidence_to(created, "token_family")
        return created

    def _copy_evidence_to(self, created: AccessToken | RefreshToken, *others: str) -> None:
        if self._source is not None:
            created.copy_evidence(self._source)
            created.save(update_fields=[*created.EVIDENCE_FIELDS, *others])

    def _validate_resource_uris(self, request: Any, resources: list[str]) -> None:
        """Reject unknown resources (RFC 8707). Raises an OAuth2Error."""
        if error := find_resource_error(resources, request.client.provider_id):
            raise error

    # OpenID Connect.

    def get_oidc_claims(self, token: Any, token_handler: Any, request: Any) -> dict[str, Any]:
        return oidc.build_claims(request.user, request.scopes, max_groups=MAX_ID_TOKEN_GROUPS)

    def get_id_token_dictionary(self, token: Any, token_handler: Any, request: Any) -> tuple[dict[str, Any], datetime]:
        """Return the claims and their expiry. auth_time is the user's last authentication in that session."""
        claims, expires_at = super().get_id_token_dictionary(token, token_handler, request)
        del claims["auth_time"]  # set by the library to the user's last sign-in in any browser
        if self._source is not None:
            claims |= authentication_context.build_claims(request.user, self._source)
        return claims, expires_at

    def finalize_id_token(self, id_token: Any, token: Any, token_handler: Any, request: Any) -> str:
        """Return the signed token. Raises InvalidGrantError if consent was revoked in the meantime."""
        with transaction.atomic():
            if not consents.use_consent(request.user, request.client, request.scopes):
                raise errors.InvalidGrantError(request=request)
            claims, _expires_at = self.get_id_token_dictionary(token, token_handler, request)
            claims = ({"nonce": request.nonce} if request.nonce else {}) | id_token | claims
            return SigningKey.objects.sign(claims, request.client.algorithm)

    def _load_id_token(self, token: str) -> None:
        """Return None: no ID token is stored, it is recognized by its signature (`oidc.read_id_token`)."""


def _compute_token_family(code: str) -> UUID:
    """Derive the token family from `code`, irreversibly."""
    return UUID(encryption.hash_token(code)[:32])


def _revoke_replayed_tokens(code: str, client: Application) -> None:
    """Revoke the tokens issued for `code`: a second use means the code leaked (RFC 6749 section 4.1.2)."""
    family = _compute_token_family(code)
    if RefreshToken.objects.filter(token_family=family, application=client).exists():
        RefreshToken.revoke_family(family)


def _is_still_authorized(stored: Any, client: Application) -> bool:
    """Return whether the user of a code or token may still authorize this application."""
    user: User = stored.user
    return stored.is_valid_for(user) and client.is_available_to(user) and tokens.can_use_tokens(user)


def _update_last_used(application: Application) -> None:
    """Update last_used_at, at most once a minute: many users may use the application at the same time."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(minutes=1))
    Application.objects.filter(stale, pk=application.pk).update(last_used_at=now)
