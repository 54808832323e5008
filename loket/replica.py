"""Pages that only read may come from a replica, never from one that lacks what was acknowledged before the page began.

Who somebody is and what he may do was asked of the primary by then. The replica gives the page once it has everything
that the primary had on its disk at that moment: so the page has what was saved just before, by whomever, and nothing
that was taken away just before. Whatever keeps the replica from it, the primary gives the page.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections
from django.http import HttpRequest

from loket.availability import time_limit
from loket.away import is_away

ALIAS = "replica"
_TRIES, _PAUSE = 10, 0.005  # how often a replica that is behind is asked again, and the seconds between
_ANSWER, _PAGE = 1.0, 5.0  # seconds that a replica gets to say how far it is, and to give a page
_REST = 5.0  # seconds in which a replica that is behind or away is left alone
# Another server than the primary's own replica, or one that followed an older primary, has other numbers.
_WRITTEN = """
    SELECT pg_current_wal_flush_lsn()::text, system_identifier, timeline_id
    FROM pg_control_system(), pg_control_checkpoint()
"""
_HAS_IT = """
    SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn
       AND system_identifier = %s AND timeline_id = %s
    FROM pg_control_system(), pg_control_checkpoint()
"""
View = TypeVar("View", bound=Callable[..., Any])
log = structlog.get_logger("loket.replica")
_reading = ContextVar("reading", default=False)
_left_alone = SimpleNamespace(until=0.0)  # by this process


class Router:
    """Read from the replica in a page that may come from it; everything else is the primary's."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Return where a model is read."""
        return ALIAS if _reading.get() else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """Return where a model is written, also one that was read from the replica."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        """Allow it: both have the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Leave the replica to PostgreSQL."""
        return db == DEFAULT_DB_ALIAS


def from_replica(view: View) -> View:
    """Mark a page that changes nothing, not even an event: a replica may give it, where there is one."""

    @wraps(view)
    def either(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # Whoever reads in a transaction goes on in it: support that looks along.
        if ALIAS not in settings.DATABASES or connection.in_atomic_block:
            return view(request, *args, **kwargs)
        request.read_from = "primary"  # type: ignore[attr-defined]  # for the access line and the metrics
        if _has_everything():
            mark = _reading.set(True)
            try:
                with time_limit(_PAGE):
                    response = view(request, *args, **kwargs)
            except Exception as error:
                if not is_away(error):
                    raise
                _leave_alone("away", error)
            else:
                request.read_from = ALIAS  # type: ignore[attr-defined]
                return response
            finally:
                _reading.reset(mark)
        return view(request, *args, **kwargs)

    return cast(View, either)


def _has_everything() -> bool:
    """Return whether the replica has all that the primary has now; it gets a moment for the last of it."""
    if time.monotonic() < _left_alone.until:
        return False
    written = _asked(DEFAULT_DB_ALIAS, _WRITTEN)
    try:
        with time_limit(_ANSWER):
            for _try in range(_TRIES):
                if _asked(ALIAS, _HAS_IT, written) == (True,):
                    return True
                time.sleep(_PAUSE)
    except Error as error:
        _leave_alone("away", error)
    else:
        _leave_alone("behind")
    return False


def _asked(alias: str, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cast(tuple[Any, ...], cursor.fetchone())


def _leave_alone(why: str, error: Exception | None = None) -> None:
    _left_alone.until = time.monotonic() + _REST
    log.warning("replica not used", why=why, error=type(error).__name__ if error else None, seconds=_REST)
