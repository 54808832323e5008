"""Whether the database answers, known to the whole process, so that no page waits for one that does not.

A thread of the web server asks once in a while. After `DOWN_SECONDS` without any answer the database is known to be
down: pages that wait for it give up, and new ones do not begin. Other processes have no such thread, and wait.
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
DOWN_SECONDS = 2.0  # a server that starts anew within this time is waited for
SLICE_SECONDS = 0.1  # how often a thread that waits looks whether it still should

Result = TypeVar("Result")
log = structlog.get_logger("loket.availability")
_state = SimpleNamespace(watch=None, answered=0.0)  # of this process; `answered` in seconds of the monotonic clock
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))  # in seconds of the same clock


class NotConnected(psycopg.OperationalError):
    """There is no connection, so the request has changed nothing."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Give up on the database after so many seconds in all, with an OperationalError."""
    mark = _deadline.set(min(_deadline.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(mark)


def is_overdue() -> bool:
    """Return whether the time limit has passed."""
    return time.monotonic() >= _deadline.get()


def starts_server() -> bool:
    """Return whether this thread may start the built-in database: a page does not wait for that, the watch does it."""
    return _state.watch is None or _state.watch is current_thread()


def is_down() -> bool:
    """Return whether the database is known not to answer."""
    return _state.watch is not None and time.monotonic() - _state.answered > DOWN_SECONDS


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that keeps to the time limit. One that gave up is closed, for its answer may still come."""

    def wait(self, gen: PQGen[Result], *args: Any, **kwargs: Any) -> Result:
        """Wait for an answer. Raises OperationalError when it takes too long."""
        return super().wait(self._limited(gen), *args, **kwargs)

    def gives_up(self) -> bool:
        """Return whether to wait no longer."""
        return is_overdue()

    def _limited(self, gen: PQGen[Result]) -> PQGen[Result]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self.gives_up():  # nothing came within psycopg's interval, 0.1 s
                    self.pgconn.finish()
                    raise psycopg.OperationalError("The database did not answer in time.")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result


class PrimaryConnection(LimitedConnection):
    """A connection to the primary: it also gives up when the database is known to be down."""

    def wait(self, gen: PQGen[Result], *args: Any, **kwargs: Any) -> Result:
        """Wait for an answer, and note that there was one."""
        found = super().wait(gen, *args, **kwargs)
        _state.answered = time.monotonic()
        return found

    def gives_up(self) -> bool:
        """Return whether to wait no longer."""
        return super().gives_up() or is_down()


def watch(ping: Callable[[], None]) -> Callable[[], None]:
    """Have a thread ask the database something by `ping`; return what ends the thread before the process does."""
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
        except Exception as raised:  # its text may quote the address of the database, so only its kind is logged
            error = raised
        if is_down() != was_down:
            was_down = not was_down
            if was_down:
                log.error("database down", error=type(error).__name__)
            else:
                log.info("database up")
        stop.wait(PING_EVERY)
