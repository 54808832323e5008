"""Database session store that saves only a hash of each session key, so that a stolen table opens no session.

This is the one place that expires sessions (`authentication.session_timeouts`). An expired session gives no access;
until it is deleted, it identifies its user, so that a form submitted too late can be offered to that user again
(`authentication.ended_sessions`).

Only the browser's cookie holds the key itself. There are no asynchronous views, so only the synchronous methods are
overridden.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from accounts.models import User
from authentication import session_timeouts
from authentication.models import UserSession
from authentication.session_timeouts import SessionLifetime, SessionTimeLeft
from core import encryption
from core.db_errors import is_database_unavailable

_CLEAR_BATCH_SIZE = 10_000  # sessions; a statement takes at most 65,535 parameters
_KEY_COLUMN_LENGTH = 40  # characters of the SHA-256 that fit in the column: 160 bits


def hash_session_key(session_key: str) -> str:
    """Return the hash under which the table stores the session with this key."""
    return encryption.hash_token(session_key)[:_KEY_COLUMN_LENGTH]


class SessionStore(db.SessionStore):
    """Django's database store with hashed keys and expiry; `user_session` is the UserSession of the session."""

    user_session: UserSession | None = None
    lifetime: SessionLifetime | None = None
    counts_as_activity = True  # whether the request counts as activity; False for a page that reloads itself

    @classmethod
    def clear_expired(cls) -> None:
        """Delete expired sessions; of 1,000,000 users, more can expire in an hour than a statement can name."""
        model = cls.get_model_class()
        expired = model.objects.filter(expire_date__lt=timezone.now()).values_list("pk", flat=True)
        while batch := list(expired[:_CLEAR_BATCH_SIZE]):
            model.objects.filter(pk__in=batch).delete()

    def load(self) -> dict[str, Any]:
        """Return the session data; for an expired session, only its user and the reason, in a new session."""
        data: dict[str, Any] = super().load()
        if SESSION_KEY not in data:
            return data
        began_at = datetime.fromtimestamp(data.get(session_timeouts.SIGNED_IN_AT_KEY, 0), UTC)
        self.lifetime = (
            self.user_session.lifetime
            if self.user_session
            else SessionLifetime(began_at, began_at, session_timeouts.BY_SSO_KEY in data)
        )
        if (reason := self.lifetime.get_end_reason()) is None:
            return data
        self.user_session = self.lifetime = self._session_key = None
        self.modified = True
        return {session_timeouts.ENDED_KEY: [data[SESSION_KEY], reason]}

    @property
    def time_left(self) -> SessionTimeLeft | None:
        """Seconds until this session ends, None if no user is signed in."""
        _loaded = self._session  # type: ignore[attr-defined]
        return self.lifetime.get_time_left(is_activity=self.counts_as_activity) if self.lifetime else None

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """Return when the row may be deleted: some time after the session ended, however often it is saved."""
        if SESSION_KEY not in self:
            return timezone.now() + timedelta(seconds=self.get_session_cookie_age())
        lasts = (
            session_timeouts.get_absolute_timeout(by_sso=session_timeouts.BY_SSO_KEY in self)
            + session_timeouts.ENDED_SESSION_RETENTION
        )
        return datetime.fromtimestamp(self.get(session_timeouts.SIGNED_IN_AT_KEY, time.time()), UTC) + lasts

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Return `get_expiry_date` in seconds from now, for the cookie."""
        return max(0, round((self.get_expiry_date() - timezone.now()).total_seconds()))

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        rows = self.model.objects.filter(expire_date__gt=timezone.now())
        rows = rows.select_related("opened")  # type: ignore[misc]  # declared on the concrete model
        row: AbstractBaseSession | None = rows.filter(session_key=hash_session_key(self.session_key or "")).first()
        self.user_session = getattr(row, "opened", None)
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(hash_session_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row for this session; add the time of sign-in to `data` when it is missing."""
        if SESSION_KEY in data:
            data.setdefault(session_timeouts.SIGNED_IN_AT_KEY, int(time.time()))
        row = super().create_model_instance(data)
        row.session_key = hash_session_key(row.session_key)
        return row

    def save(self, must_create: bool = False) -> None:
        """Save the data, and re-raise a database outage, which Django reports as a deleted session."""
        try:
            super().save(must_create=must_create)
        except UpdateError as error:
            if is_database_unavailable(error.__context__):
                raise error.__context__ from None  # type: ignore[misc]  # is_database_unavailable knows that there is one
            raise

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(hash_session_key(key))

    @transaction.atomic
    def cycle_key(self) -> None:
        """Replace the session key. Raises SessionInterrupted if the session was ended concurrently."""
        data, old = self._session, self.session_key  # type: ignore[attr-defined]
        self.create()
        self._session_cache = data
        if old is None:
            return
        version = User.objects.filter(pk=OuterRef("user_id")).values("session_version")
        moved = UserSession.objects.filter(session_id=hash_session_key(old)).update(
            session_id=hash_session_key(self.session_key or ""), session_version=Subquery(version)
        )
        if self.user_session is not None and not moved:
            raise SessionInterrupted("the session was ended while its key was renewed")
        self.delete(old)
