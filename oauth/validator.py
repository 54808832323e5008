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

import authentication.actions
from accounts.models import LoginMethod, User
from audit.actors import EventOrigin
from authentication import reauthentication
from authentication.request_utils import build_anonymous_actor
from core import encryption, throttle
from core.throttle import AttemptsLeft, RateLimit
from oauth import authentication_context, credentials, oidc, tokens
from oauth.access_claims import MAX_ID_TOKEN_GROUPS
from oauth.models import AccessToken, Application, AuthorizationCode, ClientSession, Consent, RefreshToken
from oauth.rate_limit_headers import CLIENT_TOKEN_LIMIT
from oauth.resources import find_error as find_resource_error
from oauth.scopes import Scope
from oauth.signing_keys import SigningKey

# Per network address, for wrong secrets.
_FAILED_CLIENT_LIMIT = RateLimit("token client network", burst=50, every=timedelta(seconds=10))


class OAuthValidator(OAuth2Validator):  # type: ignore[misc]
    """Validates one request. `rate_limit_state` is what remains for the client, once it is authenticated."""

    def __init__(self, http: HttpRequest) -> None:
        super().__init__()
        self.http = http
        self.rate_limit_state: AttemptsLeft | None = None
        self._service_user: User | None = None
        self._grant: AuthorizationCode | None = None
        self._refresh_token: RefreshToken | None = None

    # Client authentication. Every client has a secret; an SSO/Webservice user is its own client.

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Always require client authentication."""
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Reject public clients."""
        return False

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Authenticate the application, or the SSO/Webservice user, by its secret. Raises Throttled."""
        sent = credentials.read_client_credentials(self.http)
        application = _find_application(sent.name)
        if application is None and request.grant_type is None:  # an SSO/Webservice user revokes or inspects
            return self._authenticate_service_user(request, *sent)
        return self._authenticate_application(request, application, sent.secret)

    def may_inspect(self, user: User) -> bool:
        """Return whether the client may inspect tokens of `user`. An SSO/Webservice user may inspect only its own."""
        return self._service_user is None or self._service_user == user

    def _authenticate_service_user(self, request: Any, username: str, password: str) -> bool:
        by = build_anonymous_actor(self.http, EventOrigin.API)
        self._service_user = authentication.actions.authenticate_password(
            username, password, device="", by=by, kind=LoginMethod.SSO_WEBSERVICE
        )
        if self._service_user is None:
            return False
        request.client = Application.objects.get_built_in()
        request.client_id = request.client.client_id
        return bool(request.client.is_usable())

    def _authenticate_application(self, request: Any, application: Application | None, secret: str) -> bool:
        if application is None or not application.is_usable() or not application.check_secret(secret):
            throttle.consume_attempt(
                _FAILED_CLIENT_LIMIT, throttle.build_network_key(build_anonymous_actor(self.http).address)
            )
            return False
        self.rate_limit_state = throttle.consume_attempt(CLIENT_TOKEN_LIMIT, str(application.pk))
        request.client, request.client_id = application, application.client_id
        return True

    def validate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether the application `client_id` may ask users for consent."""
        request.client = _find_application(client_id)
        return request.client is not None and request.client.is_usable()

    def is_origin_allowed(self, client_id: str, origin: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Reject cross-origin token requests: browser code cannot keep a secret."""
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

    def get_code_challenge(self, code: str, request: Any) -> str | None:
        return (self._grant and self._grant.code_challenge) or None

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

        A used token is valid for a moment longer, until its successor is used: then it brings the same answer again.
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
        """Store the tokens in one transaction with the consent check and the audit event."""
        if self._grant is not None and not AuthorizationCode.objects.filter(pk=self._grant.pk).delete()[0]:
            raise errors.InvalidGrantError(request=request)  # the code was redeemed concurrently
        allowed = Consent.objects.filter(user=request.user, application=request.client)
        if not allowed.update(last_used_at=timezone.now()):
            raise errors.InvalidGrantError(request=request)
        if (used := self._refresh_token) is not None and not used.rotate():
            self._repeat_answer(used, token, request)
            return
        request.refresh_token_instance = None  # the library would end the previous access token as well
        super()._save_bearer_token(token, request, *args, **kwargs)
        if (sid := self._source and self._source.sid) and not ClientSession.objects.touch(sid) and used is None:
            raise errors.InvalidGrantError(request=request)  # the session ended since the code was issued
        if used is not None:
            used.save_answer(request.refresh_token, token)
        _update_last_used(request.client)

    def _repeat_answer(self, used: RefreshToken, token: dict[str, Any], request: Any) -> None:
        """Replace `token` by the answer to the earlier use.

        Raises InvalidGrantError if the token was revoked, or if this request is for other scopes.
        """
        answer = used.read_answer(request.refresh_token)
        if answer is None or set(answer["scope"].split()) != set(request.scopes):
            raise errors.InvalidGrantError(request=request)
        token.clear()
        token.update(answer)

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
        if error := find_resource_error(resources):
            raise error

    # OpenID Connect.

    def get_oidc_claims(self, token: Any, token_handler: Any, request: Any) -> dict[str, Any]:
        return oidc.build_claims(request.user, request.scopes, max_groups=MAX_ID_TOKEN_GROUPS)

    def get_id_token_dictionary(self, token: Any, token_handler: Any, request: Any) -> tuple[dict[str, Any], datetime]:
        """Return the claims and their expiry. auth_time is the user's last authentication in that session."""
        claims, expires_at = super().get_id_token_dictionary(token, token_handler, request)
        del claims["auth_time"]  # of the library: when the user last signed in anywhere
        if self._source is not None:
            claims |= authentication_context.build_claims(request.user, self._source)
        return claims, expires_at

    def finalize_id_token(self, id_token: Any, token: Any, token_handler: Any, request: Any) -> str:
        """Return the signed token. Raises InvalidGrantError if consent was revoked in the meantime."""
        with transaction.atomic():
            allowed = Consent.objects.select_for_update().filter(user=request.user, application=request.client)
            if allowed.first() is None:
                raise errors.InvalidGrantError(request=request)
            claims, _expires_at = self.get_id_token_dictionary(token, token_handler, request)
            claims = ({"nonce": request.nonce} if request.nonce else {}) | id_token | claims
            return SigningKey.objects.sign(claims, request.client.algorithm)

    def _load_id_token(self, token: str) -> None:
        """Return None: no ID token is stored, it is recognized by its signature (`oidc.read_id_token`)."""


def _find_application(client_id: str) -> Application | None:
    """Return the application `client_id`, None for the built-in one, which has no secret and no consent page."""
    if "\x00" in (client_id or ""):
        return None
    known = Application.objects.filter(client_id=client_id, authorization_grant_type="authorization-code")
    found: Application | None = known.first()
    return found


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
