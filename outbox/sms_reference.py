"""Reference of an SMS: names the message and is signed, so that a receipt concerns that message only."""

import re
from uuid import UUID

from core.encryption import compute_keyed_hash, verify_keyed_hash

_PURPOSE = "SMS receipt"
_DIGITS = 32  # of the signature, 128 bits
_REFERENCE_PATTERN = re.compile(rf"([0-9a-f]{{32}})\.([0-9a-f]{{{_DIGITS}}})", re.ASCII)


def build_reference(message_id: UUID) -> str:
    """Return the reference of a message: its id and a signature."""
    return f"{message_id.hex}.{compute_keyed_hash(message_id.hex, purpose=_PURPOSE, digits=_DIGITS)}"


def verify_reference(text: str) -> UUID | None:
    """Return the message of which this is the reference, or None without a valid signature."""
    match = _REFERENCE_PATTERN.fullmatch(text)
    if not match or not verify_keyed_hash(match[1], match[2], purpose=_PURPOSE, digits=_DIGITS):
        return None
    return UUID(match[1])
