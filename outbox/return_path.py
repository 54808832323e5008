"""Return path of an e-mail (VERP): names the message and is signed, so that a bounce concerns that message only."""

import re
from uuid import UUID

from django.conf import settings

from core.encryption import compute_keyed_hash, verify_keyed_hash

_PURPOSE = "return path"
_DIGITS = 24  # of the signature, 96 bits: a local part holds 64 characters, whose case may get lost
_ADDRESS_PATTERN = re.compile(rf"bounce\+([0-9a-f]{{32}})\.([0-9a-f]{{{_DIGITS}}})@[^@\s]+", re.ASCII)


def build_return_path(message_id: UUID) -> str:
    """Return the address at LOKET_BOUNCE_DOMAIN that receives the bounce of a message."""
    signature = compute_keyed_hash(message_id.hex, purpose=_PURPOSE, digits=_DIGITS)
    return f"bounce+{message_id.hex}.{signature}@{settings.LOKET_BOUNCE_DOMAIN}"


def verify_return_path(address: str) -> UUID | None:
    """Return the message of which this is the return path, or None without a valid signature."""
    match = _ADDRESS_PATTERN.fullmatch(address.strip().lower())
    if not match or not verify_keyed_hash(match[1], match[2], purpose=_PURPOSE, digits=_DIGITS):
        return None
    return UUID(match[1])
