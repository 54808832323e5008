"""Worker processes for jobs. Short jobs never wait behind long ones.

One process executes jobs that take up to a second, office by office. Longer ones are rolled back and passed to a second
process, which exits when no long jobs are left, releasing its memory. Neither blocks e-mail and SMS.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TypeVar

import structlog
import uuid_utils
from django.db import connection, connections
from structlog.contextvars import bound_contextvars

from bulk import running
from bulk.turns import LONG_SECONDS, QUICK_SECONDS, Lane
from loket.ids import uuid7
from loket.logs import traceback_of
from loket.processes import end_with_parent

POLL = 0.2  # seconds
_AFTER_FAULT = 1.0  # seconds
_STOP = 5.0  # seconds
_NICENESS = 5  # of long jobs, so that other processes go first
Result = TypeVar("Result")
_forks = multiprocessing.get_context("fork")

log = structlog.get_logger("loket.bulk")


@contextmanager
def lanes() -> Iterator[None]:
    """Run the job processes in the background.

    Start this before any thread, because a fork inherits only their locks. On exit the processes are terminated at
    once; a job in progress is rolled back and runs again later.
    """
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    process = _forks.Process(target=_keep)
    process.start()
    try:
        yield
    finally:
        _stop(process)


def _begin() -> None:
    """Initialize a forked process: exit with its parent, share no database connections and no random state."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    end_with_parent()
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != os.getppid():  # it died before the check was set up
        sys.exit(0)
    uuid_utils.reseed_rng()
    for one in connections.all():
        one.settings_dict["OPTIONS"].pop("pool", None)  # a fork has no pool threads


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _keep() -> None:
    """Supervise the process for short jobs: restart it whenever it exits."""
    _begin()
    while True:
        child = _forks.Process(target=_work)
        try:
            child.start()
            child.join()
        finally:
            _stop(child)
        log.error("worker fault", error=f"the process for imports ended with {child.exitcode}")
        time.sleep(_AFTER_FAULT)


def _work() -> None:
    """Execute short jobs, and start a process for long jobs while there are any."""
    _begin()
    quick, long, child = Lane(False, QUICK_SECONDS), Lane(True, LONG_SECONDS), None
    try:
        while True:
            waiting = _safely(running.waiting_lanes, set[bool]())
            if True in waiting and (child is None or not child.is_alive()):
                child = _start(long) if _safely(lambda: running.is_due(long), False) else None
            if False not in waiting or not _do_one(quick):
                time.sleep(POLL)
    finally:
        if child is not None:
            _stop(child)


def _start(long: Lane) -> BaseProcess:
    connection.close()
    child = _forks.Process(target=_work_long, args=[long])
    child.start()
    return child


def _work_long(lane: Lane) -> None:
    _begin()
    os.nice(_NICENESS)
    while _do_one(lane):
        pass


def _stop(child: BaseProcess) -> None:
    """Terminate a process, and kill it if it does not exit in time."""
    if child.pid is not None:
        child.terminate()
        child.join(_STOP)
        child.kill()
        child.join()


def _do_one(lane: Lane) -> bool:
    """Execute the next job of a lane; return False when there is none or the database is unavailable."""
    with bound_contextvars(correlation_id=str(uuid7())):
        return _safely(lambda: running.run_one(lane), False)


def _safely(act: Callable[[], Result], otherwise: Result) -> Result:
    """Return the result of `act`, or `otherwise` after a pause when it fails."""
    try:
        return act()
    except Exception as error:  # its text may hold personal data
        log.error("worker fault", error=type(error).__name__, traceback=traceback_of(error))
        with suppress(Exception):
            connection.close()
        time.sleep(_AFTER_FAULT)
        return otherwise
