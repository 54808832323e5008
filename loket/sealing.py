"""Encryption at rest, with the keys of the application or with an emailed token; hashing where comparing is enough.

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

_KEY, _NONCE, _KEY_ID = 32, 12, 4  # bytes


class Unreadable(Exception):
    """Decryption failed: wrong key or token, another context, or damaged data."""


@cache
def _key(text: str) -> bytes:
    key = base64.urlsafe_b64decode(text)
    if len(key) != _KEY:
        raise ValueError("each of LOKET_SEALING_KEYS is 32 bytes in URL-safe base64")
    return key


def _keys() -> list[bytes]:
    return [_key(text) for text in settings.LOKET_SEALING_KEYS]


def _derive(key: bytes, purpose: str) -> bytes:
    """Return a key for one purpose (HKDF with SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=purpose.encode()).derive(key)


@cache
def _key_id(key: bytes) -> bytes:
    return _derive(key, "key id")[:_KEY_ID]


@cache
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(_derive(key, "seal"))


def seal(data: bytes, *, context: str) -> bytes:
    """Encrypt `data` with the newest key, bound to `context`, which is not secret but needed to decrypt."""
    key = _keys()[0]
    nonce = secrets.token_bytes(_NONCE)
    return _key_id(key) + nonce + _cipher(key).encrypt(nonce, data, context.encode())


def unseal(sealed: bytes, *, context: str) -> bytes:
    """Decrypt the output of `seal`. Raises Unreadable."""
    for key in _keys():
        if hmac.compare_digest(_key_id(key), sealed[:_KEY_ID]):
            return _open(_cipher(key), sealed[_KEY_ID:], context)
    raise Unreadable("no key of LOKET_SEALING_KEYS sealed this")


def resealed(sealed: bytes, *, context: str) -> bytes | None:
    """Return the value encrypted with the newest key, or None if it already is. Raises Unreadable."""
    data = unseal(sealed, context=context)
    newest = hmac.compare_digest(_key_id(_keys()[0]), sealed[:_KEY_ID])
    return None if newest else seal(data, context=context)


def _open(cipher: AESGCM, sealed: bytes, context: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise Unreadable("wrong key or context, or damaged") from error


def new_token() -> str:
    """Return a random token of 256 bits for a link: 43 characters of URL-safe base64."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return the hexadecimal SHA-256 of a token, which the database stores in its place."""
    return hashlib.sha256(token.encode()).hexdigest()


def seal_with_token(data: bytes, *, token: str, context: str) -> bytes:
    """Encrypt `data` with a key derived from `token`."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_derive(token.encode(), "token")).encrypt(nonce, data, context.encode())


def unseal_with_token(sealed: bytes, *, token: str, context: str) -> bytes:
    """Decrypt the output of `seal_with_token`. Raises Unreadable."""
    return _open(AESGCM(_derive(token.encode(), "token")), sealed, context)


def keyed_hash(text: str, *, purpose: str) -> str:
    """Return a hexadecimal HMAC of `text` under the newest key, for codes too short for a plain hash."""
    return _keyed_hash(_keys()[0], text, purpose)


def keyed_hash_matches(text: str, digest: str, *, purpose: str) -> bool:
    """Return whether `digest` is the HMAC of `text` under any of the keys, in constant time."""
    matches = [hmac.compare_digest(_keyed_hash(key, text, purpose), digest) for key in _keys()]
    return any(matches)


def _keyed_hash(key: bytes, text: str, purpose: str) -> str:
    return hmac.new(_hashing_key(key, purpose), text.encode(), hashlib.sha256).hexdigest()


@cache
def _hashing_key(key: bytes, purpose: str) -> bytes:
    return _derive(key, f"hash {purpose}")
