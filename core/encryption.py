"""Encryption at rest, with the keys of the application or with an e-mailed token; hashing where comparing is enough.

Design section 4, rule 7. AES-256-GCM, with the id of the key in front, so that keys can be rotated: the newest of
LOKET_SEALING_KEYS encrypts, each of them decrypts.
"""

import base64
import hashlib
import hmac
import secrets
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_KEY_BYTES, _NONCE_BYTES, _KEY_ID_BYTES = 32, 12, 4  # bytes
_HMAC_DIGITS = 64  # of HMAC-SHA-256


class DecryptionError(Exception):
    """Decryption failed: wrong key or token, another context, or damaged data."""


@cache
def _decode_key(text: str) -> bytes:
    key = base64.urlsafe_b64decode(text)
    if len(key) != _KEY_BYTES:
        raise ValueError("each of LOKET_SEALING_KEYS is 32 bytes in URL-safe base64")
    return key


def _load_keys() -> list[bytes]:
    return [_decode_key(text) for text in settings.LOKET_SEALING_KEYS]


def _derive_key(key: bytes, purpose: str) -> bytes:
    """Return a key for one purpose (HKDF with SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


@cache
def _compute_key_id(key: bytes) -> bytes:
    return _derive_key(key, "key id")[:_KEY_ID_BYTES]


@cache
def _get_cipher(key: bytes) -> AESGCM:
    return AESGCM(_derive_key(key, "seal"))


def encrypt(data: bytes, *, context: str) -> bytes:
    """Encrypt `data` with the newest key, bound to `context`, which is not secret but needed to decrypt."""
    key = _load_keys()[0]
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _compute_key_id(key) + nonce + _get_cipher(key).encrypt(nonce, data, context.encode())


def decrypt(encrypted: bytes, *, context: str) -> bytes:
    """Decrypt the output of `encrypt`. Raises DecryptionError."""
    for key in _load_keys():
        if hmac.compare_digest(_compute_key_id(key), encrypted[:_KEY_ID_BYTES]):
            return _decrypt(_get_cipher(key), encrypted[_KEY_ID_BYTES:], context)
    raise DecryptionError("no key of LOKET_SEALING_KEYS encrypted this")


def get_fingerprint(encrypted: bytes) -> str:
    """Return the fingerprint of the key that encrypted a value: 8 hexadecimal digits, which are no secret."""
    return encrypted[:_KEY_ID_BYTES].hex()


def list_key_fingerprints() -> list[str]:
    """Return the fingerprints of LOKET_SEALING_KEYS, the newest first."""
    return [_compute_key_id(key).hex() for key in _load_keys()]


def encrypt_text(text: str, *, context: str) -> str:
    """Return `encrypt` of a text as base64, for a form or cookie."""
    return base64.urlsafe_b64encode(encrypt(text.encode(), context=context)).decode()


def decrypt_text(encrypted: str, *, context: str) -> str:
    """Return the text from `encrypt_text`. Raises DecryptionError for anything else."""
    try:
        data = base64.urlsafe_b64decode(encrypted)
    except ValueError:
        raise DecryptionError("not base64") from None
    return decrypt(data, context=context).decode()


def reencrypt(encrypted: bytes, *, context: str) -> bytes | None:
    """Return the value encrypted with the newest key, or None if it already is. Raises DecryptionError."""
    data = decrypt(encrypted, context=context)
    newest = hmac.compare_digest(_compute_key_id(_load_keys()[0]), encrypted[:_KEY_ID_BYTES])
    return None if newest else encrypt(data, context=context)


def _decrypt(cipher: AESGCM, encrypted: bytes, context: str) -> bytes:
    try:
        return cipher.decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise DecryptionError("wrong key or context, or damaged") from error


def generate_token() -> str:
    """Return a random token of 256 bits for a link: 43 characters of URL-safe base64."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the hexadecimal SHA-256 of a token, which the database stores in its place."""
    return hashlib.sha256(token.encode()).hexdigest()


def encrypt_with_token(data: bytes, *, token: str, context: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(_derive_key(token.encode(), "token")).encrypt(nonce, data, context.encode())


def decrypt_with_token(encrypted: bytes, *, token: str, context: str) -> bytes:
    """Decrypt the output of `encrypt_with_token`. Raises DecryptionError."""
    return _decrypt(AESGCM(_derive_key(token.encode(), "token")), encrypted, context)


def compute_keyed_hash(text: str, *, purpose: str, digits: int = _HMAC_DIGITS) -> str:
    """Return the first hexadecimal digits of an HMAC of `text` under the newest key.

    For codes too short for a plain hash.
    """
    return _compute_hmac(_load_keys()[0], text, purpose)[:digits]


def verify_keyed_hash(text: str, digest: str, *, purpose: str, digits: int = _HMAC_DIGITS) -> bool:
    """Return whether `digest` is that of `text` under any of the keys, in constant time."""
    matches = [hmac.compare_digest(_compute_hmac(key, text, purpose)[:digits], digest) for key in _load_keys()]
    return any(matches)


def _compute_hmac(key: bytes, text: str, purpose: str) -> str:
    return hmac.new(_derive_hashing_key(key, purpose), text.encode(), hashlib.sha256).hexdigest()


@cache
def _derive_hashing_key(key: bytes, purpose: str) -> bytes:
    return _derive_key(key, f"hash {purpose}")
