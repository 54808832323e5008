"""Identifiers: the same kind in URLs, API and database."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> UUID:
    """Return a new time-ordered identifier (RFC 9562 section 5.7)."""
    return _uuid7()


def build_min_uuid7(moment: datetime) -> UUID:
    """Return the smallest version 7 UUID of `moment`, so that rows can be filtered by age on their primary key."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def parse_uuid(text: str) -> UUID | None:
    """Return `text` as an id, in any usual spelling, or None when it is invalid."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None
