"""Validation of Microsoft's ID tokens: msal only decodes them.

Sources: OpenID Connect Core 3.1.3.7, and "Access tokens in the Microsoft identity platform" for the issuers of keys.
"""

import hmac
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import jwt

CLOCK_LEEWAY_SECONDS = 120  # seconds by which our clock and Microsoft's may differ
_KEYS_MAX_AGE_SECONDS = 24 * 3600  # seconds after which the keys are fetched again
_REFRESH_INTERVAL_SECONDS = 60  # seconds between two fetches because of an unknown key
_MAX_KEYS = 50
_REQUIRED_CLAIMS = ["aud", "iss", "exp", "nbf", "iat", "nonce", "tid", "oid"]
_ALGORITHM = "RS256"


class ClientResponse(Protocol):
    """HTTP response, of requests or of the fake Entra."""

    @property
    def status_code(self) -> int:
        """HTTP status code."""

    @property
    def text(self) -> str:
        """Response body."""


class HttpClient(Protocol):
    """The part of requests.Session that is used here; msal uses more."""

    def get(self, url: str, /) -> ClientResponse:
        """Fetch `url`."""


class InvalidIdToken(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class MicrosoftIdentity:
    """Tenant ID and object ID of the user, and the time of the last sign-in at Microsoft if the token has it."""

    tid: UUID
    oid: UUID
    auth_time: int | None


class SigningKeyCache:
    """Public keys and issuer of one authority, fetched on demand and cached for a day."""

    def __init__(self, authority: str) -> None:
        self.authority = authority
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._issuer = ""
        self._keys: dict[str, tuple[jwt.PyJWK, str]] = {}

    def find(self, kid: object, http: HttpClient) -> tuple[jwt.PyJWK, str]:
        """Return the key `kid` and the issuer that may sign with it; {tenantid} in the issuer stands for the tenant.

        An unknown `kid` fetches the keys again, at most once a minute. Raises InvalidIdToken for an unknown key,
        OSError if Microsoft does not respond and ValueError if the response is malformed.
        """
        with self._lock:
            age = time.monotonic() - self._read_at
            if (
                not self._read_at
                or age > _KEYS_MAX_AGE_SECONDS
                or (kid not in self._keys and age > _REFRESH_INTERVAL_SECONDS)
            ):
                self._read(http)
            if not isinstance(kid, str) or kid not in self._keys:
                raise InvalidIdToken("key")
            key, issuer = self._keys[kid]
            return key, issuer or self._issuer

    @property
    def issuer(self) -> str:
        """Issuer of the authority, "" until the keys were fetched."""
        return self._issuer

    def _read(self, http: HttpClient) -> None:
        about = _fetch_json(http, get_discovery_url(self.authority))
        found = _fetch_json(http, str(about["jwks_uri"]))["keys"][:_MAX_KEYS]
        usable = [key for key in found if key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and "kid" in key]
        self._keys = {key["kid"]: (jwt.PyJWK(key, algorithm=_ALGORITHM), key.get("issuer", "")) for key in usable}
        self._issuer, self._read_at = str(about["issuer"]), time.monotonic()


def get_discovery_url(authority: str) -> str:
    """Return the address of the document that says where an authority's endpoints and keys are."""
    return f"{authority}/v2.0/.well-known/openid-configuration"


def _fetch_json(http: HttpClient, url: str) -> dict[str, Any]:
    response = http.get(url)
    if response.status_code != 200:
        raise OSError(f"status {response.status_code}")
    found: dict[str, Any] = json.loads(response.text)
    return found


def validate_id_token(
    token: str, *, keys: SigningKeyCache, http: HttpClient, client_id: str, nonce: str
) -> MicrosoftIdentity:
    """Validate signature, audience, issuer, times and nonce of an ID token; return the user's identity.

    Raises InvalidIdToken, and OSError or ValueError as `SigningKeyCache.find` does.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise InvalidIdToken("malformed") from None
    if header.get("alg") != _ALGORITHM:
        raise InvalidIdToken("algorithm")
    key, key_issuer = keys.find(header.get("kid"), http)
    claims = _decode_claims(token, key, client_id)
    identity = _parse_identity(claims)
    # Each tenant has its own issuer, and a key may be valid for one tenant only.
    for issuer in (keys.issuer, key_issuer):
        if claims["iss"] != issuer.replace("{tenantid}", str(identity.tid)):
            raise InvalidIdToken("issuer")
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise InvalidIdToken("nonce")
    return identity


def _decode_claims(token: str, key: jwt.PyJWK, client_id: str) -> dict[str, Any]:
    """Return the claims after checking signature, audience and times. Raises InvalidIdToken."""
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=client_id,
            leeway=CLOCK_LEEWAY_SECONDS,
            options={"require": _REQUIRED_CLAIMS, "strict_aud": True},
        )
    except jwt.InvalidSignatureError:
        raise InvalidIdToken("signature") from None
    except jwt.InvalidAudienceError:
        raise InvalidIdToken("audience") from None
    except jwt.ExpiredSignatureError:
        raise InvalidIdToken("expired") from None
    except jwt.ImmatureSignatureError:
        raise InvalidIdToken("not_yet_valid") from None
    except jwt.PyJWTError:
        raise InvalidIdToken("claims") from None


def _parse_identity(claims: Mapping[str, Any]) -> MicrosoftIdentity:
    auth_time = claims.get("auth_time")
    if auth_time is not None and type(auth_time) is not int:
        raise InvalidIdToken("claims")
    return MicrosoftIdentity(_parse_uuid(claims["tid"]), _parse_uuid(claims["oid"]), auth_time)


def _parse_uuid(text: object) -> UUID:
    """Return the UUID; only the canonical form, which Microsoft uses, is valid."""
    try:
        found = UUID(str(text))
    except ValueError:
        raise InvalidIdToken("claims") from None
    if str(found) != text:
        raise InvalidIdToken("claims")
    return found
