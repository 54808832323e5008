"""The processes of the worker that plan and do operations: what is small never waits behind what is large.

One process takes what is done in a second, office after office. What is not done by then is undone and goes to a second
process, which lives as long as there is something long and leaves its memory to others. Neither holds up mail and SMS.
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
_NICENESS = 5  # of what is long: the other processes of the machine go first
Result = TypeVar("Result")
_forks = multiprocessing.get_context("fork")

log = structlog.get_logger("loket.bulk")


@contextmanager
def lanes() -> Iterator[None]:
    """Keep the lanes going in a process beside. Begin before there is any thread, of which a fork has only the locks.

    At the end they stop at once: what one of them was at leaves nothing behind, and has its turn later.
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
    """Make a fork a process of its own: it ends with its parent, and shares no connection and no identifiers."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    end_with_parent()
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != os.getppid():  # it died before it could be asked for
        sys.exit(0)
    uuid_utils.reseed_rng()
    for one in connections.all():
        one.settings_dict["OPTIONS"].pop("pool", None)  # its threads would not be in a fork


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _keep() -> None:
    """Keep a process for what is quick, whatever kills it."""
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
    """Do what is quick, and see that there is a process for what is long while there is any."""
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
    """End a process, at once where it does not do so itself."""
    if child.pid is not None:
        child.terminate()
        child.join(_STOP)
        child.kill()
        child.join()


def _do_one(lane: Lane) -> bool:
    """Do what is next in a lane; return False when there is nothing, or the database is away."""
    with bound_contextvars(correlation_id=str(uuid7())):
        return _safely(lambda: running.run_one(lane), False)


def _safely(act: Callable[[], Result], otherwise: Result) -> Result:
    """Return what `act` does, or after a moment `otherwise` when it fails."""
    try:
        return act()
    except Exception as error:  # its text may hold personal data
        log.error("worker fault", error=type(error).__name__, traceback=traceback_of(error))
        with suppress(Exception):
            connection.close()
        time.sleep(_AFTER_FAULT)
        return otherwise
