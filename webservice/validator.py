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

import signin.actions
from accounts.models import LoginMethod, User
from audit.actors import Origin
from loket import sealing
from signin import reauthentication, throttle
from signin.throttle import Left, Limit
from signin.visitors import stranger
from webservice import consents, credentials, identity, tokens
from webservice.models import AccessToken, Application, Consent, Grant, IDToken, RefreshToken

CLIENT = Limit("token client", burst=200, every=timedelta(milliseconds=100))  # per client, once authenticated
_GUESSES = Limit("token client network", burst=50, every=timedelta(seconds=10))  # per network address, wrong secrets


class Validator(OAuth2Validator):  # type: ignore[misc]
    """Validates one request. `left` is what remains of the client's rate limit, once the client is authenticated."""

    def __init__(self, http: HttpRequest) -> None:
        super().__init__()
        self.http = http
        self.left: Left | None = None
        self._person: User | None = None
        self._grant: Grant | None = None
        self._refreshed: RefreshToken | None = None

    # Client authentication. Every client has a secret; an SSO/Webservice user is its own client.

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Require client authentication always."""
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Reject public clients."""
        return False

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Authenticate the application, or the SSO/Webservice user, by its secret. Raises Throttled."""
        said = credentials.of(self.http)
        application = _application(said.name)
        if application is None and request.grant_type is None:  # an SSO/Webservice user revokes or inspects
            return self._is_person(request, *said)
        return self._is_program(request, application, said.secret)

    def is_about(self, user: User) -> bool:
        """Return whether the client may inspect tokens of `user`. An SSO/Webservice user may inspect only its own."""
        return self._person is None or self._person == user

    def _is_person(self, request: Any, username: str, password: str) -> bool:
        by = stranger(self.http, Origin.API)
        self._person = signin.actions.prove(username, password, device="", by=by, kind=LoginMethod.SSO_WEBSERVICE)
        if self._person is None:
            return False
        request.client = Application.objects.built_in()
        request.client_id = request.client.client_id
        return bool(request.client.is_usable())

    def _is_program(self, request: Any, application: Application | None, secret: str) -> bool:
        if application is None or not application.is_usable() or not application.has_secret(secret):
            throttle.charge(_GUESSES, throttle.network(stranger(self.http).address))
            return False
        self.left = throttle.charge(CLIENT, str(application.pk))
        request.client, request.client_id = application, application.client_id
        return True

    def validate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether the application `client_id` may ask users for consent."""
        request.client = _application(client_id)
        return request.client is not None and request.client.is_usable()

    def is_origin_allowed(self, client_id: str, origin: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Reject cross-origin token requests: browser code cannot keep a secret."""
        return False

    # Silent authentication (prompt=none).

    def validate_silent_login(self, request: Any) -> bool:
        """Return whether the signed-in user can give consent."""
        return consents.can_consent(self.http)

    def validate_silent_authorization(self, request: Any) -> bool:
        """Return whether the user has already consented to all requested scopes."""
        return consents.covers(self.http.user, request.client, request.scopes)

    # Authorization codes.

    def _create_authorization_code(self, request: Any, code: Any, expires: Any = None) -> Grant:
        """Store the code with when and how the user authenticated in this browser session."""
        made: Grant = super()._create_authorization_code(request, code, expires)
        made.authenticated_at, made.with_factor = reauthentication.evidence(self.http)
        made.save(update_fields=["authenticated_at", "with_factor"])
        return made

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Return whether the code is valid for this application and its user. A replayed code revokes its tokens."""
        grants = Grant.objects.select_related("user__provider")
        grant: Grant | None = grants.filter(code=code, application=client).first()
        if grant is None:
            _end_replayed(code, client)
        if grant is None or grant.is_expired() or not _still_may(grant, client):
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
        """Return whether the token is valid. Reuse of a refresh token revokes its whole family."""
        try:
            known = super().validate_refresh_token(refresh_token, client, request, *args, **kwargs)
            self._refreshed = request.refresh_token_instance if known else None
            return self._refreshed is not None and _still_may(self._refreshed, client)
        except (Application.DoesNotExist, User.DoesNotExist):  # deleted concurrently
            return False

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Store the tokens. If the code was redeemed concurrently, also revoke the tokens issued for it."""
        try:
            super().save_bearer_token(token, request, *args, **kwargs)
        except errors.InvalidGrantError:
            if self._grant is not None:
                _end_replayed(request.code, request.client)
            raise

    def _save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Store the tokens in one transaction with the consent check and the audit event."""
        if self._grant is not None and not Grant.objects.filter(pk=self._grant.pk).delete()[0]:
            raise errors.InvalidGrantError(request=request)  # the code was redeemed concurrently
        allowed = Consent.objects.filter(user=request.user, application=request.client)
        if not allowed.update(last_used_at=timezone.now()):
            raise errors.InvalidGrantError(request=request)
        super()._save_bearer_token(token, request, *args, **kwargs)
        _note_use(request.client)

    @property
    def _source(self) -> Grant | RefreshToken | None:
        """The code or refresh token that the tokens of this request derive from."""
        return self._grant or self._refreshed

    def _create_access_token(self, *args: Any, **kwargs: Any) -> AccessToken:
        """Store the token with the sign-in evidence of its code or refresh token."""
        made: AccessToken = super()._create_access_token(*args, **kwargs)
        self._hand_on(made)
        return made

    def _create_refresh_token(self, request: Any, *args: Any, **kwargs: Any) -> RefreshToken:
        """Store the token. The family is derived from the code that started it."""
        made: RefreshToken = super()._create_refresh_token(request, *args, **kwargs)
        if self._grant is not None:
            made.token_family = _family(request.code)
        self._hand_on(made, "token_family")
        return made

    def _hand_on(self, made: AccessToken | RefreshToken, *others: str) -> None:
        if self._source is not None:
            made.take_evidence(self._source)
            made.save(update_fields=["authenticated_at", "with_factor", *others])

    def _check_and_set_request_resource(self, request: Any) -> None:
        """Ignore resource indicators (RFC 8707): there is a single resource."""
        request.resource = []

    # OpenID Connect.

    def get_oidc_claims(self, token: Any, token_handler: Any, request: Any) -> dict[str, Any]:
        return identity.claims(request.user, request.scopes)

    def get_id_token_dictionary(self, token: Any, token_handler: Any, request: Any) -> tuple[dict[str, Any], datetime]:
        """Return the claims and their expiry. auth_time is the user's last authentication in that session."""
        claims, expires_at = super().get_id_token_dictionary(token, token_handler, request)
        if self._source is not None and self._source.authenticated_at is not None:
            claims["auth_time"] = int(self._source.authenticated_at.timestamp())
        return claims, expires_at

    def finalize_id_token(self, id_token: Any, token: Any, token_handler: Any, request: Any) -> str:
        """Return the signed token. Raises InvalidGrantError if consent was revoked meanwhile."""
        with transaction.atomic():
            allowed = Consent.objects.select_for_update().filter(user=request.user, application=request.client)
            if allowed.first() is None:
                raise errors.InvalidGrantError(request=request)
            signed: str = super().finalize_id_token(id_token, token, token_handler, request)
            return signed

    def _load_id_token(self, token: str) -> IDToken | None:
        return identity.read_id_token(token)


def _application(client_id: str) -> Application | None:
    """Return the application `client_id`, None for the built-in one, which has no secret and no consent page."""
    if "\x00" in (client_id or ""):
        return None
    known = Application.objects.filter(client_id=client_id, authorization_grant_type="authorization-code")
    found: Application | None = known.first()
    return found


def _family(code: str) -> UUID:
    """Derive the token family from `code`, irreversibly."""
    return UUID(sealing.token_hash(code)[:32])


def _end_replayed(code: str, client: Application) -> None:
    """Revoke the tokens issued for `code`: a second use means the code leaked (RFC 6749 section 4.1.2)."""
    family = _family(code)
    if RefreshToken.objects.filter(token_family=family, application=client).exists():
        RefreshToken.revoke_family(family)


def _still_may(kept: Any, client: Application) -> bool:
    """Return whether the user of a code or token may still authorize this application."""
    user: User = kept.user
    return kept.is_of(user) and client.serves(user) and tokens.may_call(user)


def _note_use(application: Application) -> None:
    """Update last_used_at, at most once a minute: many users may use the application at the same time."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(minutes=1))
    Application.objects.filter(stale, pk=application.pk).update(last_used_at=now)
