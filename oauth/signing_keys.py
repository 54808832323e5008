"""ID token signing keys: RSA 2048, identified by thumbprint (RFC 7638), encrypted in the database."""

import json
from datetime import timedelta
from typing import Any

from jwcrypto.jwk import JWK

from core import encryption

ID_TOKEN_LIFETIME = timedelta(hours=1)
# How long clients may cache the public keys; a new key is published this long before it signs.
JWKS_CACHE_LIFETIME = timedelta(hours=1)


def generate_signing_key() -> tuple[str, bytes]:
    """Generate a key. Return its `kid` and the encrypted key."""
    key = JWK.generate(kty="RSA", size=2048)
    kid: str = key.thumbprint()
    return kid, encryption.encrypt(
        key.export_to_pem(private_key=True, password=None), context=build_encryption_context(kid)
    )


def decrypt_signing_key(kid: str, encrypted: bytes) -> JWK:
    """Decrypt the key `kid`. Raises encryption.DecryptionError."""
    return JWK.from_pem(encryption.decrypt(encrypted, context=build_encryption_context(kid)))


def export_public_jwk(key: JWK) -> dict[str, Any]:
    """Return the public JWK (RFC 7517)."""
    return {**json.loads(key.export_public()), "kid": key.thumbprint(), "use": "sig", "alg": "RS256"}


def build_encryption_context(kid: str) -> str:
    """Return the encryption context of the key `kid`."""
    return f"oidc key:{kid}"
