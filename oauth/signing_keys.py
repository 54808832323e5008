"""ID token signing keys: RSA 2048 or EC P-256, identified by thumbprint (RFC 7638), encrypted in the database."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from core import encryption
from core.ids import uuid7

ID_TOKEN_LIFETIME = timedelta(hours=1)
JWKS_CACHE_LIFETIME = timedelta(minutes=15)  # how long clients may cache the public keys
# A new key is published this long before it signs: longer than any cache keeps it, even one that refreshes late.
PUBLICATION_LEAD = timedelta(hours=1)
_KEY_PARAMETERS: dict[str, dict[str, Any]] = {
    "RS256": {"kty": "RSA", "size": 2048},
    "ES256": {"kty": "EC", "crv": "P-256"},
}
ALGORITHMS = tuple(_KEY_PARAMETERS)


def generate_signing_key(algorithm: str) -> tuple[str, bytes]:
    """Generate a key. Return its `kid` and the encrypted key."""
    key = JWK.generate(**_KEY_PARAMETERS[algorithm])
    kid: str = key.thumbprint()
    return kid, encrypt_signing_key(key)


def encrypt_signing_key(key: JWK, *, private: bool = True) -> bytes:
    """Encrypt a key, or only its public half."""
    pem = key.export_to_pem(private_key=private, password=None) if private else key.export_to_pem()
    return encryption.encrypt(pem, context=build_encryption_context(key.thumbprint()))


@lru_cache(maxsize=8)  # reading and first using an RSA key takes 60 ms of CPU time, signing with it 0.4 ms
def decrypt_signing_key(kid: str, encrypted: bytes) -> JWK:
    """Decrypt the key `kid`. Raises encryption.DecryptionError."""
    return JWK.from_pem(encryption.decrypt(encrypted, context=build_encryption_context(kid)))


def export_public_jwk(key: JWK, algorithm: str) -> dict[str, Any]:
    """Return the public JWK (RFC 7517)."""
    return {**json.loads(key.export_public()), "kid": key.thumbprint(), "use": "sig", "alg": algorithm}


def build_encryption_context(kid: str) -> str:
    """Return the encryption context of the key `kid`."""
    return f"oidc key:{kid}"


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def get_current(self, algorithm: str = ALGORITHMS[0]) -> SigningKey:
        """Return the key that signs now with `algorithm`, creating the first key if there is none."""
        return self._find_current(algorithm) or self._create_first_key(algorithm)

    def create_missing(self) -> None:
        """Create the first key of each algorithm, so that no client reads a set of keys without it."""
        for algorithm in ALGORITHMS:
            self.get_current(algorithm)

    def _find_current(self, algorithm: str) -> SigningKey | None:
        return self.filter(algorithm=algorithm, signs_from__lte=timezone.now()).order_by("-signs_from").first()

    def _create_first_key(self, algorithm: str) -> SigningKey:
        """Create the first key unless another process just did."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('signing keys', 0))")
            return self._find_current(algorithm) or self.create_key(algorithm, signs_from=timezone.now())

    def sign(self, claims: dict[str, Any], algorithm: str, *, typ: str = "JWT") -> str:
        """Return a token with `claims`, signed with the key of now."""
        key = self.get_current(algorithm).jwk
        token = JWT(header={"typ": typ, "alg": algorithm, "kid": key.thumbprint()}, claims=claims)
        token.make_signed_token(key)
        return str(token.serialize())

    def create_key(self, algorithm: str, *, signs_from: datetime) -> SigningKey:
        """Create a key that starts signing at `signs_from`."""
        kid, encrypted = generate_signing_key(algorithm)
        return self.create(kid=kid, algorithm=algorithm, encrypted_pem=encrypted, signs_from=signs_from)

    def list_published(self, now: datetime | None = None) -> list[SigningKey]:
        """Return the keys that clients may still need to verify an ID token, newest first."""
        now = now or timezone.now()
        found: list[SigningKey] = []
        settled: set[str] = set()  # algorithms of which the newest key has signed for longer than a token lives
        for key in self.order_by("-signs_from"):
            if key.algorithm not in settled:
                found.append(key)
            if key.signs_from <= now - ID_TOKEN_LIFETIME:
                settled.add(key.algorithm)
        return found

    def retire(self) -> None:
        """Delete the private half of keys that are no longer published. The public half recognizes old ID tokens."""
        published = [key.pk for key in self.list_published()]
        for key in self.exclude(pk__in=published):
            key.encrypted_pem = encrypt_signing_key(key.jwk, private=False)
            key.save(update_fields=["encrypted_pem"])


SigningKeyManager = models.Manager.from_queryset(SigningKeyQuerySet)


class SigningKey(models.Model):
    """An encrypted key that signs ID tokens. The newest key whose `signs_from` has passed is in use."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kid = models.CharField(max_length=43, unique=True)
    algorithm = models.CharField(max_length=5)
    encrypted_pem = models.BinaryField()
    signs_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SigningKeyManager()

    def __str__(self) -> str:
        return self.kid

    @property
    def encryption_context(self) -> str:
        """The encryption context: the key cannot be decrypted under another `kid`."""
        return build_encryption_context(self.kid)

    @property
    def jwk(self) -> JWK:
        """The decrypted key, of a retired key only its public half. Raises encryption.DecryptionError."""
        return decrypt_signing_key(self.kid, bytes(self.encrypted_pem))
