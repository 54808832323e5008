"""Fake Entra for demo and tests: an identity provider with the same protocol, without passwords.

msal and our own validation call it in process, as an HTTP client; only the page where the visitor picks a user
(`fake_entra_views.py`) has a URL. It stores nothing: the authorization code holds the encrypted request.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.urls import reverse

from core import encryption, local_keys, throttle
from core.throttle import RateLimit, Throttled

HOST = "https://login.demo.invalid"  # never contacted: the name cannot exist (RFC 6761)
AUTHORITY = f"{HOST}/organizations"
ISSUER = HOST + "/{tenantid}/v2.0"
CLIENT_ID = "5c6e1d0a-3f43-4a4e-8a0e-0d3b6a1f7c55"
_CODE_SECONDS, _TOKEN_SECONDS = 300, 3600
_SINGLE_USE_LIMIT = RateLimit("stand-in code", burst=1, every=timedelta(seconds=2 * _CODE_SECONDS))
_ENCRYPTION_CONTEXT = "stand-in code"


class EntraError(Exception):
    """The request is invalid; `error` and `code` are those of Entra."""

    def __init__(self, error: str, code: int) -> None:
        super().__init__(error, code)
        self.error, self.code = error, code


@dataclass(frozen=True)
class EntraAuthorizationRequest:
    """Validated authorization request."""

    redirect_uri: str
    state: str
    nonce: str
    challenge: str

    def build_cancel_url(self) -> str:
        """Return the redirect address for a cancelled sign-in."""
        answer = {"error": "access_denied", "error_subcode": "cancel", "state": self.state}
        return f"{self.redirect_uri}?{urlencode(answer)}"


@dataclass(frozen=True)
class FakeResponse:
    """HTTP response with the attributes that msal reads."""

    status_code: int
    content: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return json.dumps(self.content)


def get_client_secret() -> str:
    """Return the client secret of Loket at the fake Entra."""
    return encryption.compute_keyed_hash("client secret", purpose="stand-in")


@dataclass
class FakeEntra:
    """Identity provider that signs with `key`."""

    key: RSAPrivateKey

    @property
    def kid(self) -> str:
        return hashlib.sha256(str(self.key.public_key().public_numbers().n).encode()).hexdigest()[:16]

    def parse_request(self, query: dict[str, str]) -> EntraAuthorizationRequest:
        """Validate the query of an authorization request. Raises EntraError."""
        if query.get("client_id") != CLIENT_ID:
            raise EntraError("unauthorized_client", 700016)
        if query.get("redirect_uri") != _get_redirect_uri():
            raise EntraError("invalid_request", 50011)
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            raise EntraError("invalid_request", 9002325)
        needed = [query.get(name, "") for name in ("state", "nonce", "code_challenge")]
        if not all(needed):
            raise EntraError("invalid_request", 900144)
        return EntraAuthorizationRequest(query["redirect_uri"], *needed)

    def build_code_url(self, request: EntraAuthorizationRequest, *, tid: UUID, oid: UUID) -> str:
        """Return the redirect address with a code for the object `oid` of the tenant `tid`."""
        grant = json.dumps({"request": asdict(request), "tid": str(tid), "oid": str(oid), "at": int(time.time())})
        code = base64.urlsafe_b64encode(encryption.encrypt(grant.encode(), context=_ENCRYPTION_CONTEXT)).decode()
        return f"{request.redirect_uri}?{urlencode({'code': code, 'state': request.state})}"

    def get(self, url: str, **options: Any) -> FakeResponse:
        """Return the discovery document or the keys."""
        path = urlsplit(url).path
        if path.endswith("/v2.0/.well-known/openid-configuration"):
            return FakeResponse(200, self._build_discovery_document())
        if path.endswith("/discovery/v2.0/keys"):
            return FakeResponse(200, {"keys": [self._public_key()]})
        return FakeResponse(404, {})

    def post(self, url: str, *, data: dict[str, str], **options: Any) -> FakeResponse:
        """Exchange a code for tokens: it works once, for its client, with its verifier (RFC 7636)."""
        try:
            claims = self.build_claims(self._redeem_code(data))
        except EntraError as refusal:
            description = f"AADSTS{refusal.code}: refused by the stand-in."
            content = {"error": refusal.error, "error_description": description, "error_codes": [refusal.code]}
            return FakeResponse(401 if refusal.error == "invalid_client" else 400, content)
        tokens = {"token_type": "Bearer", "expires_in": _TOKEN_SECONDS, "scope": "openid profile"}
        return FakeResponse(
            200, {**tokens, "access_token": encryption.generate_token(), "id_token": self.sign_id_token(claims)}
        )

    def close(self) -> None:
        """Do nothing: there is no connection to close."""

    def build_claims(self, grant: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        return {
            "aud": CLIENT_ID,
            "iss": ISSUER.replace("{tenantid}", grant["tid"]),
            "iat": now,
            "nbf": now,
            "exp": now + _TOKEN_SECONDS,
            "auth_time": grant["at"],
            "nonce": grant["request"]["nonce"],
            "oid": grant["oid"],
            "sub": hashlib.sha256(f"{CLIENT_ID}:{grant['oid']}".encode()).hexdigest(),
            "tid": grant["tid"],
            "ver": "2.0",
        }

    def sign_id_token(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.kid})

    def _redeem_code(self, data: dict[str, str]) -> dict[str, Any]:
        client_secret = data.get("client_secret", "")
        if data.get("client_id") != CLIENT_ID or not hmac.compare_digest(client_secret, get_client_secret()):
            raise EntraError("invalid_client", 7000215)
        try:
            grant: dict[str, Any] = json.loads(
                encryption.decrypt(base64.urlsafe_b64decode(data.get("code", "")), context=_ENCRYPTION_CONTEXT)
            )
        except (ValueError, encryption.DecryptionError):
            raise EntraError("invalid_grant", 9002313) from None
        request = EntraAuthorizationRequest(**grant["request"])
        if data.get("redirect_uri") != request.redirect_uri:
            raise EntraError("invalid_grant", 500112)
        verified = hashlib.sha256(data.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(verified).decode().rstrip("=") != request.challenge:
            raise EntraError("invalid_grant", 501481)
        if time.time() - grant["at"] > _CODE_SECONDS:
            raise EntraError("invalid_grant", 70008)
        try:
            throttle.consume_attempt(_SINGLE_USE_LIMIT, data["code"])
        except Throttled:
            raise EntraError("invalid_grant", 54005) from None
        return grant

    def _build_discovery_document(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": settings.LOKET_URL + reverse("demo:fake_entra"),
            "token_endpoint": f"{AUTHORITY}/oauth2/v2.0/token",
            "jwks_uri": f"{AUTHORITY}/discovery/v2.0/keys",
        }

    def _public_key(self) -> dict[str, Any]:
        described = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**described, "kid": self.kid, "use": "sig", "issuer": ISSUER}


def _get_redirect_uri() -> str:
    return settings.LOKET_URL + reverse("authentication:microsoft_callback")


def get_fake_entra() -> FakeEntra:
    """Return the fake Entra of this installation; all processes share its signing key."""
    return _load_fake_entra(settings.LOKET_DATA_DIR)


@cache
def _load_fake_entra(folder: Path) -> FakeEntra:
    return FakeEntra(
        cast(RSAPrivateKey, load_pem_private_key(local_keys.load_fake_entra_key(folder).encode(), password=None))
    )
