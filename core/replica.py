"""Read-only pages may be served from a replica, but never from one that lags behind the start of the request.

By then, authentication and permissions have been read from the primary. The replica serves the page once it has
replayed everything that the primary had flushed at that moment, so the page shows every earlier change. If the replica
cannot do that in time, the primary serves the page.
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

from core.db_availability import limit_database_wait
from core.db_errors import is_database_unavailable

REPLICA_ALIAS = "replica"
_MAX_TRIES, _RETRY_SECONDS = 10, 0.005  # polls of a replica that is behind, and seconds between them
# Seconds for a replica to report its position, and to serve a page.
_STATUS_TIMEOUT_SECONDS, _PAGE_TIMEOUT_SECONDS = 1.0, 5.0
_COOLDOWN_SECONDS = 5.0  # seconds without the replica after it was behind or unavailable
# The numbers differ on a server that is no replica of this primary, or that followed an older primary.
_PRIMARY_POSITION_SQL = """
    SELECT pg_current_wal_flush_lsn()::text, system_identifier, timeline_id
    FROM pg_control_system(), pg_control_checkpoint()
"""
_CAUGHT_UP_SQL = """
    SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn
       AND system_identifier = %s AND timeline_id = %s
    FROM pg_control_system(), pg_control_checkpoint()
"""
ViewT = TypeVar("ViewT", bound=Callable[..., Any])
log = structlog.get_logger("core.replica")
_reads_replica = ContextVar("reading", default=False)
_cooldown = SimpleNamespace(until=0.0)  # by this process


class ReplicaRequest(HttpRequest):
    """A request for a page that a replica may serve."""

    read_from: str  # the database that served it, for the access log and the metrics


class ReplicaRouter:
    """Route reads to the replica on pages that allow it, and everything else to the primary."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return REPLICA_ALIAS if _reads_replica.get() else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """Return the primary, even for instances read from the replica."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        """Return True: both databases have the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Return False for the replica, which PostgreSQL keeps up to date."""
        return db == DEFAULT_DB_ALIAS


def allow_replica(view: ViewT) -> ViewT:
    """Decorate a view that writes nothing, not even an audit event: a replica may serve it."""

    @wraps(view)
    def wrapper(request: ReplicaRequest, *args: Any, **kwargs: Any) -> Any:
        # An open transaction continues on the primary: impersonation by support.
        if REPLICA_ALIAS not in settings.DATABASES or connection.in_atomic_block:
            return view(request, *args, **kwargs)
        request.read_from = "primary"
        if _is_caught_up():
            mark = _reads_replica.set(True)
            try:
                with limit_database_wait(_PAGE_TIMEOUT_SECONDS):
                    response = view(request, *args, **kwargs)
            except Exception as error:
                if not is_database_unavailable(error):
                    raise
                _start_cooldown("away", error)
            else:
                request.read_from = REPLICA_ALIAS
                return response
            finally:
                _reads_replica.reset(mark)
        return view(request, *args, **kwargs)

    return cast(ViewT, wrapper)


def _is_caught_up() -> bool:
    """Return whether the replica catches up with the current position of the primary in time."""
    if time.monotonic() < _cooldown.until:
        return False
    written = _fetch_one(DEFAULT_DB_ALIAS, _PRIMARY_POSITION_SQL)
    try:
        with limit_database_wait(_STATUS_TIMEOUT_SECONDS):
            for _try in range(_MAX_TRIES):
                if _fetch_one(REPLICA_ALIAS, _CAUGHT_UP_SQL, written) == (True,):
                    return True
                time.sleep(_RETRY_SECONDS)
    except Error as error:
        _start_cooldown("away", error)
    else:
        _start_cooldown("behind")
    return False


def _fetch_one(alias: str, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cast(tuple[Any, ...], cursor.fetchone())


def _start_cooldown(why: str, error: Exception | None = None) -> None:
    _cooldown.until = time.monotonic() + _COOLDOWN_SECONDS
    log.warning("replica not used", why=why, error=type(error).__name__ if error else None, seconds=_COOLDOWN_SECONDS)
