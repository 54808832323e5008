"""Recovery codes: ten per user, each valid for one sign-in; `authentication.models` stores their hashes."""

import json
import secrets

from accounts.models import User
from core import encryption

CODE_COUNT = 10
HASH_PURPOSE = "recovery code"
_CODE_LENGTH = 10  # of 32 characters: 50 bits
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz0"  # no 1, i, l and o, which are easily confused
_CONFUSABLES = str.maketrans({"o": "0"})


def generate_codes() -> list[str]:
    """Return ten new codes in display format: 'k3fwp-0xz7m'."""
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(CODE_COUNT)]
    return [f"{code[: _CODE_LENGTH // 2]}-{code[_CODE_LENGTH // 2 :]}" for code in codes]


def normalize_code(typed: str) -> str:
    return "".join(char for char in typed.lower() if char.isalnum()).translate(_CONFUSABLES)


def encrypt_for(user: User, codes: list[str]) -> str:
    """Return the encrypted `codes`, for the form that downloads them."""
    return encryption.encrypt_text(json.dumps(codes), context=_build_encryption_context(user))


def decrypt_codes(encrypted: str, user: User) -> list[str] | None:
    try:
        codes: list[str] = json.loads(encryption.decrypt_text(encrypted, context=_build_encryption_context(user)))
    except encryption.DecryptionError:
        return None
    return codes


def _build_encryption_context(user: User) -> str:
    return f"shown recovery codes:{user.pk}"
