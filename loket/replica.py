"""Read-only pages may be served from a replica, but never from one that lags behind the start of the request.

Authentication and permissions have been read from the primary by then. The replica serves the page once it has replayed
everything that the primary had flushed at that moment, so the page shows every earlier change. If the replica cannot do
that in time, the primary serves the page.
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
_TRIES, _PAUSE = 10, 0.005  # polls of a replica that is behind, and seconds between them
_ANSWER, _PAGE = 1.0, 5.0  # seconds for a replica to report its position, and to serve a page
_REST = 5.0  # seconds without the replica after it was behind or unavailable
# The numbers differ on a server that is no replica of this primary, or that followed an older primary.
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
    """Route reads to the replica on pages that allow it, and everything else to the primary."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return ALIAS if _reading.get() else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """Return the primary, also for instances read from the replica."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        """Return True: both databases have the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Return False for the replica, which PostgreSQL keeps up to date."""
        return db == DEFAULT_DB_ALIAS


def from_replica(view: View) -> View:
    """Decorate a view that writes nothing, not even an audit event: a replica may serve it."""

    @wraps(view)
    def either(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # An open transaction continues on the primary: impersonation by support.
        if ALIAS not in settings.DATABASES or connection.in_atomic_block:
            return view(request, *args, **kwargs)
        request.read_from = "primary"  # type: ignore[attr-defined]  # for the access log and the metrics
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
    """Return whether the replica catches up with the current position of the primary in time."""
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
