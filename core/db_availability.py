"""Process-wide availability of the database, so that no page waits for a database that does not respond.

A thread of the web server pings the database. After `DOWN_AFTER_SECONDS` without a response, the database is down:
pages that wait for it give up, and new ones fail immediately. Other processes have no such thread, and wait.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Thread, current_thread
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg.abc import PQGen

PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS = 0.5, 1.0  # seconds
DOWN_AFTER_SECONDS = 2.0  # pages wait for a server that restarts within this time
WAIT_SLICE_SECONDS = 0.1  # how often a waiting thread checks whether to go on

QueryResultT = TypeVar("QueryResultT")
log = structlog.get_logger("core.db_availability")
# Of this process; `answered` in seconds of the monotonic clock.
_watch_state = SimpleNamespace(watch=None, answered=0.0)
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))  # in seconds of the same clock


class NotConnected(psycopg.OperationalError):
    """No connection was made, so the request has changed nothing."""


@contextmanager
def limit_database_wait(seconds: float) -> Iterator[None]:
    """Limit the total time spent on the database; raise OperationalError after `seconds`."""
    mark = _deadline.set(min(_deadline.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(mark)


def is_overdue() -> bool:
    return time.monotonic() >= _deadline.get()


def can_start_server() -> bool:
    """Return whether this thread may start the embedded server: the watch does that, pages do not wait for it."""
    return _watch_state.watch is None or _watch_state.watch is current_thread()


def is_database_down() -> bool:
    return _watch_state.watch is not None and time.monotonic() - _watch_state.answered > DOWN_AFTER_SECONDS


class LimitedConnection(psycopg.Connection[Any]):
    """Connection that enforces the time limit. It closes when it gives up, because its response may still arrive."""

    def wait(self, gen: PQGen[QueryResultT], *args: Any, **kwargs: Any) -> QueryResultT:
        """Wait for a response. Raises OperationalError after the time limit."""
        return super().wait(self._limit_wait(gen), *args, **kwargs)

    def should_give_up(self) -> bool:
        return is_overdue()

    def _limit_wait(self, gen: PQGen[QueryResultT]) -> PQGen[QueryResultT]:
        try:
            event = next(gen)
            while True:
                ready = yield event
                if not ready and self.should_give_up():  # no data within psycopg's interval, 0.1 s
                    self.pgconn.finish()
                    raise psycopg.OperationalError("The database did not answer in time.")
                event = gen.send(ready)
        except StopIteration as end:
            result: QueryResultT = end.value
            return result


class PrimaryConnection(LimitedConnection):
    """Connection to the primary, which also gives up when the database is down."""

    def wait(self, gen: PQGen[QueryResultT], *args: Any, **kwargs: Any) -> QueryResultT:
        result = super().wait(gen, *args, **kwargs)
        _watch_state.answered = time.monotonic()
        return result

    def should_give_up(self) -> bool:
        return super().should_give_up() or is_database_down()


def start_watch(ping: Callable[[], None]) -> Callable[[], None]:
    """Start a thread that calls `ping` repeatedly; return a function that stops it."""
    stop = Event()
    _watch_state.answered = time.monotonic()
    _watch_state.watch = Thread(target=_run_watch, args=[ping, stop], name="database-watch", daemon=True)
    _watch_state.watch.start()

    def end() -> None:
        stop.set()
        _watch_state.watch.join()
        _watch_state.watch = None

    return end


def _run_watch(ping: Callable[[], None], stop: Event) -> None:
    was_down = False
    while not stop.is_set():
        error: Exception | None = None
        try:
            with limit_database_wait(PING_TIMEOUT_SECONDS):
                ping()
        except Exception as raised:  # its text may quote the database address, so only its class is logged
            error = raised
        if is_database_down() != was_down:
            was_down = not was_down
            if was_down:
                log.error("database down", error=type(error).__name__)
            else:
                log.info("database up")
        stop.wait(PING_INTERVAL_SECONDS)
