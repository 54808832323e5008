"""Process-wide availability of the database, so that no page waits for a database that does not answer.

A thread of the web server pings the database. After `DOWN_SECONDS` without an answer the database counts as down:
pages that wait for it give up, and new ones fail at once. Other processes have no such thread, and wait.
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

PING_EVERY, PING_LIMIT = 0.5, 1.0  # seconds
DOWN_SECONDS = 2.0  # pages wait for a server that restarts within this time
SLICE_SECONDS = 0.1  # how often a waiting thread checks whether to go on

Result = TypeVar("Result")
log = structlog.get_logger("loket.availability")
_state = SimpleNamespace(watch=None, answered=0.0)  # of this process; `answered` in seconds of the monotonic clock
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))  # in seconds of the same clock


class NotConnected(psycopg.OperationalError):
    """No connection was made, so the request has changed nothing."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit the total time spent on the database; raise OperationalError after `seconds`."""
    mark = _deadline.set(min(_deadline.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(mark)


def is_overdue() -> bool:
    return time.monotonic() >= _deadline.get()


def starts_server() -> bool:
    """Return whether this thread may start the embedded server: the watch does that, pages do not wait for it."""
    return _state.watch is None or _state.watch is current_thread()


def is_down() -> bool:
    return _state.watch is not None and time.monotonic() - _state.answered > DOWN_SECONDS


class LimitedConnection(psycopg.Connection[Any]):
    """Connection that keeps to the time limit. It closes when it gives up, because its answer may still arrive."""

    def wait(self, gen: PQGen[Result], *args: Any, **kwargs: Any) -> Result:
        """Wait for an answer. Raises OperationalError after the time limit."""
        return super().wait(self._limited(gen), *args, **kwargs)

    def gives_up(self) -> bool:
        return is_overdue()

    def _limited(self, gen: PQGen[Result]) -> PQGen[Result]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self.gives_up():  # no data within psycopg's interval, 0.1 s
                    self.pgconn.finish()
                    raise psycopg.OperationalError("The database did not answer in time.")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result


class PrimaryConnection(LimitedConnection):
    """Connection to the primary, which also gives up when the database is down."""

    def wait(self, gen: PQGen[Result], *args: Any, **kwargs: Any) -> Result:
        """Wait for an answer and record its time."""
        found = super().wait(gen, *args, **kwargs)
        _state.answered = time.monotonic()
        return found

    def gives_up(self) -> bool:
        return super().gives_up() or is_down()


def watch(ping: Callable[[], None]) -> Callable[[], None]:
    """Start a thread that calls `ping` repeatedly; return a function that stops it."""
    stop = Event()
    _state.answered = time.monotonic()
    _state.watch = Thread(target=_watch, args=[ping, stop], name="database-watch", daemon=True)
    _state.watch.start()

    def end() -> None:
        stop.set()
        _state.watch.join()
        _state.watch = None

    return end


def _watch(ping: Callable[[], None], stop: Event) -> None:
    was_down = False
    while not stop.is_set():
        error: Exception | None = None
        try:
            with time_limit(PING_LIMIT):
                ping()
        except Exception as raised:  # its text may quote the database address, so only its class is logged
            error = raised
        if is_down() != was_down:
            was_down = not was_down
            if was_down:
                log.error("database down", error=type(error).__name__)
            else:
                log.info("database up")
        stop.wait(PING_EVERY)
