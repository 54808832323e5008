"""Identifiers: one kind for addresses, API and database."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> UUID:
    """Return a new time-ordered identifier (RFC 9562 section 5.7)."""
    return _uuid7()


def first_of(moment: datetime) -> UUID:
    """Return the smallest identifier made at `moment`, so that the primary key tells what is younger."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
