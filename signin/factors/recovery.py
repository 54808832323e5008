"""Recovery codes: ten per user, each valid for one sign-in."""

import base64
import json
import secrets

from accounts.models import User
from loket import sealing
from signin.models import RecoveryCode

HOW_MANY = 10
_LENGTH = 10  # of 32 characters: 50 bits
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz0"  # no 1, i, l and o, which are easily confused
_READ_AS = str.maketrans({"o": "0"})
_PURPOSE = "recovery code"


def new() -> list[str]:
    """Return ten new codes in display format: 'k3fwp-0xz7m'."""
    return [_shown("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))) for _ in range(HOW_MANY)]


def _shown(plain: str) -> str:
    return f"{plain[: _LENGTH // 2]}-{plain[_LENGTH // 2 :]}"


def plain(typed: str) -> str:
    """Return the code without dashes and spaces, in lower case."""
    return "".join(char for char in typed.lower() if char.isalnum()).translate(_READ_AS)


def hashed(row: RecoveryCode, code: str) -> str:
    """Return the hash to store for a normalized code, bound to its row."""
    return sealing.keyed_hash(f"{row.pk}:{code}", purpose=_PURPOSE)


def matches(row: RecoveryCode, code: str) -> bool:
    """Return whether the normalized `code` is that of the row."""
    return sealing.keyed_hash_matches(f"{row.pk}:{code}", row.code_hash, purpose=_PURPOSE)


def sealed_for(user: User, codes: list[str]) -> str:
    """Return the encrypted `codes`, for the form that downloads them."""
    return base64.urlsafe_b64encode(sealing.seal(json.dumps(codes).encode(), context=_context(user))).decode()


def opened(sealed: str, user: User) -> list[str] | None:
    """Return the codes from `sealed_for` for this user, or None for anything else."""
    try:
        data = sealing.unseal(base64.urlsafe_b64decode(sealed), context=_context(user))
    except (sealing.Unreadable, ValueError):
        return None
    codes: list[str] = json.loads(data)
    return codes


def _context(user: User) -> str:
    return f"shown recovery codes:{user.pk}"
