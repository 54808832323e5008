"""Sessions in the database under a hash of their key, so that a stolen table opens no session.

This is the one place that ends them by time (`signin.expiry`). An ended session opens nothing; until it is cleared it
says whose it was, so that a form that comes too late can be offered to that user again (`signin.signed_out`).

The key itself is in the browser's cookie only. There are no asynchronous views, so only the synchronous half is here.
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
from loket import sealing
from loket.away import is_away
from signin import expiry
from signin.expiry import Left, Life
from signin.models import OpenSession

_COLUMN = 40  # characters of the SHA-256 that the table has room for: 160 bits


def stored_key(session_key: str) -> str:
    """Return the name under which the table knows the session with this key."""
    return sealing.token_hash(session_key)[:_COLUMN]


class SessionStore(db.SessionStore):
    """Django's sessions in the database, except for what the table calls them; `opened` is what we know of it."""

    opened: OpenSession | None = None
    life: Life | None = None
    counts = True  # whether this request is one of the user; False for a page that loads itself again

    def load(self) -> dict[str, Any]:
        """Return the data; of a session that ended by time only whose it was and why, in a new session."""
        data: dict[str, Any] = super().load()
        if SESSION_KEY not in data:
            return data
        began_at = datetime.fromtimestamp(data.get(expiry.SIGNED_IN_AT, 0), UTC)
        self.life = self.opened.life if self.opened else Life(began_at, began_at, expiry.BY_SSO in data)
        if (reason := self.life.ended()) is None:
            return data
        self.opened = self.life = self._session_key = None
        self.modified = True
        return {expiry.ENDED: [data[SESSION_KEY], reason]}

    @property
    def left(self) -> Left | None:
        """In how many seconds this session ends, None while nobody is signed in."""
        _loaded = self._session  # type: ignore[attr-defined]
        return self.life.left(counts=self.counts) if self.life else None

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """Return when the row can go: a time after the session of a user ended, however often it is saved."""
        if SESSION_KEY not in self:
            return timezone.now() + timedelta(seconds=self.get_session_cookie_age())
        lasts = expiry.lifetime(by_sso=expiry.BY_SSO in self) + expiry.GRACE
        return datetime.fromtimestamp(self.get(expiry.SIGNED_IN_AT, time.time()), UTC) + lasts

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Return the same as seconds from now, for the cookie."""
        return max(0, round((self.get_expiry_date() - timezone.now()).total_seconds()))

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        rows = self.model.objects.filter(expire_date__gt=timezone.now())
        rows = rows.select_related("opened")  # type: ignore[misc]  # declared on the concrete model
        row: AbstractBaseSession | None = rows.filter(session_key=stored_key(self.session_key or "")).first()
        self.opened = getattr(row, "opened", None)
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        """Return whether there is a session with this key."""
        return super().exists(stored_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row for this session with `data` in it, from the first time on with the moment of sign-in."""
        if SESSION_KEY in data:
            data.setdefault(expiry.SIGNED_IN_AT, int(time.time()))
        row = super().create_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    def save(self, must_create: bool = False) -> None:
        """Save the data. A database that is away stays that: Django takes it for a session that somebody ended."""
        try:
            super().save(must_create=must_create)
        except UpdateError as error:
            if is_away(error.__context__):
                raise error.__context__ from None  # type: ignore[misc]  # is_away knows that there is one
            raise

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session with this key, or without one this session."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored_key(key))

    @transaction.atomic
    def cycle_key(self) -> None:
        """Go on under a new key. Raises SessionInterrupted when somebody ended this session a moment ago."""
        data, old = self._session, self.session_key  # type: ignore[attr-defined]
        self.create()
        self._session_cache = data
        if old is None:
            return
        version = User.objects.filter(pk=OuterRef("user_id")).values("session_version")
        moved = OpenSession.objects.filter(session_id=stored_key(old)).update(
            session_id=stored_key(self.session_key or ""), session_version=Subquery(version)
        )
        if self.opened is not None and not moved:
            raise SessionInterrupted("the session was ended while its key was renewed")
        self.delete(old)
