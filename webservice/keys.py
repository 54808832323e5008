"""ID token signing keys: RSA 2048, identified by thumbprint (RFC 7638), encrypted in the database."""

import json
from datetime import timedelta
from typing import Any

from jwcrypto.jwk import JWK

from loket import sealing

ID_TOKEN_LIFE = timedelta(hours=1)
CACHED = timedelta(
    hours=1
)  # how long clients may cache the public keys; a new key is published this long before it signs


def new() -> tuple[str, bytes]:
    """Generate a key. Return its `kid` and the encrypted key."""
    key = JWK.generate(kty="RSA", size=2048)
    kid: str = key.thumbprint()
    return kid, sealing.seal(key.export_to_pem(private_key=True, password=None), context=context(kid))


def opened(kid: str, sealed: bytes) -> JWK:
    """Decrypt the key `kid`. Raises sealing.Unreadable."""
    return JWK.from_pem(sealing.unseal(sealed, context=context(kid)))


def public(key: JWK) -> dict[str, Any]:
    """Return the public JWK (RFC 7517)."""
    return {**json.loads(key.export_public()), "kid": key.thumbprint(), "use": "sig", "alg": "RS256"}


def context(kid: str) -> str:
    """Return the encryption context of the key `kid`."""
    return f"oidc key:{kid}"
