"""The keys that sign ID tokens: RSA with 2048 bits, named by their thumbprint (RFC 7638), sealed in the database."""

import json
from datetime import timedelta
from typing import Any

from jwcrypto.jwk import JWK

from loket import sealing

ID_TOKEN_LIFE = timedelta(hours=1)
CACHED = timedelta(
    hours=1
)  # how long others may keep our public keys: a new key is published that long before it signs


def new() -> tuple[str, bytes]:
    """Return the name of a new key, and the key sealed."""
    key = JWK.generate(kty="RSA", size=2048)
    kid: str = key.thumbprint()
    return kid, sealing.seal(key.export_to_pem(private_key=True, password=None), context=context(kid))


def opened(kid: str, sealed: bytes) -> JWK:
    """Return the key called `kid`. Raises sealing.Unreadable."""
    return JWK.from_pem(sealing.unseal(sealed, context=context(kid)))


def public(key: JWK) -> dict[str, Any]:
    """Return what everybody may know of a key (RFC 7517)."""
    return {**json.loads(key.export_public()), "kid": key.thumbprint(), "use": "sig", "alg": "RS256"}


def context(kid: str) -> str:
    """Return what the key called `kid` is bound to."""
    return f"oidc key:{kid}"
