"""Sessions in the database under a hash of their key, so that a stolen table opens no session.

The key itself is in the browser's cookie only. There are no asynchronous views, so only the synchronous half is here.
"""

from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from loket import sealing

_COLUMN = 40  # characters of the SHA-256 that the table has room for: 160 bits


def stored_key(session_key: str) -> str:
    """Return the name under which the table knows the session with this key."""
    return sealing.token_hash(session_key)[:_COLUMN]


class SessionStore(db.SessionStore):
    """Django's sessions in the database, except for what the table calls them."""

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        rows = self.model.objects.filter(expire_date__gt=timezone.now())
        row: AbstractBaseSession | None = rows.filter(session_key=stored_key(self.session_key or "")).first()
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        """Return whether there is a session with this key."""
        return super().exists(stored_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row for this session with `data` in it."""
        row = super().create_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session with this key, or without one this session."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored_key(key))
