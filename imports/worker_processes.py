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

from core import tracing
from core.ids import uuid7
from core.logs import format_traceback
from core.processes import terminate_with_parent
from imports import runner
from imports.scheduling import LONG_JOB_SECONDS, SHORT_JOB_SECONDS, JobQueue

POLL_SECONDS = 0.2  # seconds
_FAULT_PAUSE_SECONDS = 1.0  # seconds
_STOP_TIMEOUT_SECONDS = 5.0  # seconds
_LONG_JOB_NICENESS = 5  # of long jobs, so that other processes go first
Result = TypeVar("Result")
_fork_context = multiprocessing.get_context("fork")

log = structlog.get_logger("loket.bulk")


@contextmanager
def run_import_processes() -> Iterator[None]:
    """Run the job processes in the background.

    Start this before any thread, because a fork inherits only their locks. On exit the processes are terminated
    immediately; a job in progress is rolled back and runs again later.
    """
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    process = _fork_context.Process(target=_supervise_short_jobs)
    process.start()
    try:
        yield
    finally:
        _stop_process(process)


def _initialize_fork() -> None:
    """Initialize a forked process: exit with its parent, share no database connections and no random state."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_on_signal)
    terminate_with_parent()
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != os.getppid():  # it died before the check was set up
        sys.exit(0)
    uuid_utils.reseed_rng()
    for database in connections.all():
        database.settings_dict["OPTIONS"].pop("pool", None)  # a fork has no pool threads


def _exit_on_signal(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _supervise_short_jobs() -> None:
    """Supervise the process for short jobs: restart it whenever it exits."""
    _initialize_fork()
    while True:
        child = _fork_context.Process(target=_run_short_jobs)
        try:
            child.start()
            child.join()
        finally:
            _stop_process(child)
        log.error("worker fault", error=f"the process for imports ended with {child.exitcode}")
        time.sleep(_FAULT_PAUSE_SECONDS)


def _run_short_jobs() -> None:
    """Execute short jobs, and start a process for long jobs while there are any."""
    _initialize_fork()
    tracing.start()
    quick, long, child = JobQueue(False, SHORT_JOB_SECONDS), JobQueue(True, LONG_JOB_SECONDS), None
    try:
        while True:
            waiting = _call_safely(runner.list_waiting_queues, set[bool]())
            if True in waiting and (child is None or not child.is_alive()):
                child = _start_long_jobs(long) if _call_safely(lambda: runner.has_due_job(long), False) else None
            if False not in waiting or not _run_next_safely(quick):
                time.sleep(POLL_SECONDS)
    finally:
        if child is not None:
            _stop_process(child)


def _start_long_jobs(long: JobQueue) -> BaseProcess:
    connection.close()
    child = _fork_context.Process(target=_run_long_jobs, args=[long])
    child.start()
    return child


def _run_long_jobs(queue: JobQueue) -> None:
    _initialize_fork()
    os.nice(_LONG_JOB_NICENESS)
    tracing.start()
    while _run_next_safely(queue):
        pass
    tracing.flush()


def _stop_process(child: BaseProcess) -> None:
    if child.pid is not None:
        child.terminate()
        child.join(_STOP_TIMEOUT_SECONDS)
        child.kill()
        child.join()


def _run_next_safely(queue: JobQueue) -> bool:
    """Execute the next job of a queue; return False when there is none or the database is unavailable."""
    with bound_contextvars(correlation_id=str(uuid7())):
        return _call_safely(lambda: runner.run_next_job(queue), False)


def _call_safely(act: Callable[[], Result], otherwise: Result) -> Result:
    """Return the result of `act`, or `otherwise` after a pause when it fails."""
    try:
        return act()
    except Exception as error:  # its text may hold personal data
        log.error("worker fault", error=type(error).__name__, traceback=format_traceback(error))
        with suppress(Exception):
            connection.close()
        time.sleep(_FAULT_PAUSE_SECONDS)
        return otherwise
