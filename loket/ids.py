"""Identifiers: one kind for addresses, API and database."""

from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> UUID:
    """Return a new time-ordered identifier (RFC 9562 section 5.7)."""
    return _uuid7()
