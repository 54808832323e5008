"""Recovery codes: ten per user, each valid for one sign-in."""

import base64
import json
import secrets

from accounts.models import User
from authentication.models import RecoveryCode
from core import encryption

CODE_COUNT = 10
_CODE_LENGTH = 10  # of 32 characters: 50 bits
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz0"  # no 1, i, l and o, which are easily confused
_CONFUSABLES = str.maketrans({"o": "0"})
_HASH_PURPOSE = "recovery code"


def generate_codes() -> list[str]:
    """Return ten new codes in display format: 'k3fwp-0xz7m'."""
    return [_format_code("".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))) for _ in range(CODE_COUNT)]


def _format_code(plain: str) -> str:
    return f"{plain[: _CODE_LENGTH // 2]}-{plain[_CODE_LENGTH // 2 :]}"


def normalize_code(typed: str) -> str:
    """Return the code without dashes and spaces, in lower case."""
    return "".join(char for char in typed.lower() if char.isalnum()).translate(_CONFUSABLES)


def hash_code(row: RecoveryCode, code: str) -> str:
    """Return the hash to store for a normalized code, bound to its row."""
    return encryption.compute_keyed_hash(f"{row.pk}:{code}", purpose=_HASH_PURPOSE)


def code_matches(row: RecoveryCode, code: str) -> bool:
    """Return whether the normalized `code` is that of the row."""
    return encryption.verify_keyed_hash(f"{row.pk}:{code}", row.code_hash, purpose=_HASH_PURPOSE)


def encrypt_for(user: User, codes: list[str]) -> str:
    """Return the encrypted `codes`, for the form that downloads them."""
    return base64.urlsafe_b64encode(
        encryption.encrypt(json.dumps(codes).encode(), context=_build_encryption_context(user))
    ).decode()


def decrypt_codes(sealed: str, user: User) -> list[str] | None:
    """Return the codes from `encrypt_for` for this user, or None for anything else."""
    try:
        data = encryption.decrypt(base64.urlsafe_b64decode(sealed), context=_build_encryption_context(user))
    except (encryption.DecryptionError, ValueError):
        return None
    codes: list[str] = json.loads(data)
    return codes


def _build_encryption_context(user: User) -> str:
    return f"shown recovery codes:{user.pk}"
