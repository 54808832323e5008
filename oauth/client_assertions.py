"""Client authentication by a signed assertion, `private_key_jwt` (RFC 7523, OpenID Connect Core 1.0 section 9)."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from jwcrypto.jwk import JWK

from core import encryption
from core.ids import uuid7

if TYPE_CHECKING:
    from oauth.models import Application

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS_BY_KEY_TYPE = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}
ALGORITHMS = ("RS256", "ES256", "PS256")
_PUBLIC_MEMBERS = ("kty", "n", "e", "crv", "x", "y", "kid", "alg")
_PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_MIN_RSA_BITS, _MAX_KEYS, _MAX_KEYS_LENGTH = 2048, 10, 20_000
_MAX_AGE = timedelta(minutes=5)  # an assertion is made for one request
# Some libraries let an assertion expire after an hour. It is accepted during `_MAX_AGE` all the same.
_MAX_LIFETIME = timedelta(hours=1)
_LEEWAY = timedelta(seconds=60)


class UsedAssertion(models.Model):
    """An assertion that was used, kept until it expires, so that it works once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = models.ForeignKey("oauth.Application", on_delete=models.CASCADE, related_name="+")
    jti_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "jti_hash"], name="assertion_once")]

    def __str__(self) -> str:
        return str(self.pk)


def parse_public_keys(text: str) -> list[dict[str, Any]]:
    """Return the public signing keys in a JWK Set, or a single JWK (RFC 7517). Raises ValidationError."""
    try:
        found = json.loads(text) if len(text) <= _MAX_KEYS_LENGTH else None
    except (ValueError, RecursionError):
        found = None
    keys = found.get("keys", [found]) if isinstance(found, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValidationError(_('Paste a JWK Set, which looks like {"keys": [{"kty": "EC", …}]}.'), code="keys")
    public = [_parse_public_key(key) for key in keys if key.get("use", "sig") == "sig"]
    if not 1 <= len(public) <= _MAX_KEYS:
        raise ValidationError(_("Paste at least one key for signatures, and at most ten."), code="keys")
    return public


def _parse_public_key(key: dict[str, Any]) -> dict[str, Any]:
    """Return the public members of a JWK. Raises ValidationError for any key that is not accepted."""
    if _PRIVATE_MEMBERS & key.keys():
        message = _("This contains a private key. Keep that with the integration, and paste only the public key.")
        raise ValidationError(message, code="private_key")
    public = {name: key[name] for name in _PUBLIC_MEMBERS if name in key}
    algorithms = _ALGORITHMS_BY_KEY_TYPE.get(str(key.get("kty")), ())
    try:
        is_valid = all(isinstance(value, str) for value in public.values()) and (
            key["crv"] == "P-256" if key["kty"] == "EC" else _load_key(public).key_size >= _MIN_RSA_BITS
        )
        is_valid = is_valid and bool(_load_key(public)) and public.get("alg", algorithms[0]) in algorithms
    except (jwt.PyJWTError, ValueError, LookupError, TypeError, AttributeError):
        is_valid = False
    if not is_valid:
        raise ValidationError(_("Use keys of type RSA with at least 2048 bits, or EC with curve P-256."), code="keys")
    return public


def _load_key(public: dict[str, Any]) -> Any:
    return jwt.PyJWK(public).key


def compute_thumbprints(keys: list[dict[str, Any]]) -> list[str]:
    """Return what identifies each key in the history (RFC 7638)."""
    return [str(JWK(**key).thumbprint()) for key in keys]


def read_client_id(assertion: str) -> str:
    """Return the client that an assertion says it is from, not yet verified; "" if it is unreadable."""
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return ""
    name = str(claims.get("sub", ""))
    return name if name.isascii() else ""


def consume(assertion: str, application: Application, audiences: Collection[str]) -> bool:
    """Return whether the assertion is a valid one of the application, for one of `audiences`, and was not used yet."""
    claims = _verify(assertion, application, audiences)
    end = claims and _get_end(claims)
    if not claims or not end or end + _LEEWAY <= timezone.now():
        return False
    _used, is_new = UsedAssertion.objects.get_or_create(
        application=application,
        jti_hash=encryption.hash_token(json.dumps(claims["jti"])),  # also of half characters, which have no bytes
        defaults={"expires_at": end + _LEEWAY},
    )
    return is_new


def _verify(assertion: str, application: Application, audiences: Collection[str]) -> dict[str, Any] | None:
    """Return the claims if the signature, the client, the audience and the times are valid, else None."""
    try:
        kid = jwt.get_unverified_header(assertion).get("kid")
    except jwt.PyJWTError:
        return None
    for key in application.public_keys:
        if kid is not None and key.get("kid", kid) != kid:
            continue
        algorithms = [key["alg"]] if "alg" in key else list(_ALGORITHMS_BY_KEY_TYPE[key["kty"]])
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion, _load_key(key), algorithms, audience=list(audiences), issuer=application.client_id,
                subject=application.client_id, leeway=_LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "jti"]},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
        named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        return claims if set(named) <= set(audiences) else None  # one for other servers too could be theirs
    return None


def _get_end(claims: dict[str, Any]) -> datetime | None:
    """Return until when the assertion is accepted, None if it lives longer than any client needs."""
    now = int(timezone.now().timestamp())
    expires, issued = int(claims["exp"]), int(claims.get("iat") or now)
    longest = _MAX_LIFETIME if claims.get("iat") else _MAX_AGE
    if expires > issued + (longest + _LEEWAY).total_seconds():
        return None
    latest = issued + int(_MAX_AGE.total_seconds()) if claims.get("iat") else expires  # not later at every use
    return datetime.fromtimestamp(min(expires, latest), UTC)
