"""The loop that sends what waits in the outbox and runs the periodic jobs. Any number may run at once."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Thread

import psycopg
import structlog
from django.db import connection
from structlog.contextvars import bound_contextvars

import outbox.actions
from loket import periodic
from loket.ids import uuid7
from loket.logs import traceback_of
from loket.periodic import Job, Runner
from outbox.models import Message

THREADS = (Message.Channel.SMS, Message.Channel.MAIL, Message.Channel.MAIL)  # an SMS never waits behind slow mail
POLL = 0.5  # seconds; covers a wake-up that was lost
BEAT = 5.0  # seconds
_AFTER_FAULT = 1.0  # seconds

log = structlog.get_logger("loket.outbox")


def send_one(channel: Message.Channel) -> bool:
    """Send the message of `channel` whose turn it is; return False when nothing is due."""
    message = outbox.actions.take(channel)
    if message is None:
        return False
    with bound_contextvars(correlation_id=message.correlation_id):
        if message.is_waiting:
            message = outbox.actions.deliver(message)
        if message is not None:
            _log(message)
    return True


def _log(message: Message) -> None:
    log.info(
        "message",
        id=str(message.pk),
        kind=message.kind,
        channel=message.channel,
        state=str(message.state),
        attempt=message.attempts,
    )


def send_due() -> int:
    """Send everything that is due and return how many messages had their turn."""
    turns = 0
    for channel in Message.Channel:
        while send_one(channel):
            turns += 1
    return turns


class Worker:
    """The threads: senders, one for each periodic job, one that listens."""

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self._stop = Event()
        self._id = uuid7()
        self._jobs = [Job(self._beat, BEAT, "heartbeat"), *jobs]
        self._wakes = [Event() for _channel in THREADS]
        steps: list[Callable[[], None]] = [self._listen, *(self._periodic(Runner(job)) for job in self._jobs)]
        steps += [self._sender(channel, wake) for channel, wake in zip(THREADS, self._wakes, strict=True)]
        self._threads = [Thread(target=self._repeat, args=[step]) for step in steps]

    def start(self) -> None:
        """Start the threads and return."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop and return when the messages that are being sent have gone out: at once when there are none."""
        self._stop.set()
        self._wake()
        for thread in self._threads:
            thread.join()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake.set()

    def _repeat(self, step: Callable[[], None]) -> None:
        """Do `step` until told to stop, whatever happens to the database meanwhile."""
        while not self._stop.is_set():
            try:
                step()
            except Exception as error:  # its text may hold an address
                log.error("worker fault", error=type(error).__name__, traceback=traceback_of(error))
                with suppress(Exception):
                    connection.close()
                self._stop.wait(_AFTER_FAULT)
        connection.close()

    def _sender(self, channel: Message.Channel, wake: Event) -> Callable[[], None]:
        def step() -> None:
            if not send_one(channel):
                wake.wait(POLL)
                wake.clear()

        return step

    def _beat(self) -> None:
        outbox.actions.beat(self._id)
        periodic.register(self._jobs)

    def _periodic(self, runner: Runner) -> Callable[[], None]:
        def step() -> None:
            started = time.monotonic()
            pause = runner.run()
            connection.close()  # back to the pool, which tests it before the next use: an hour may pass
            self._stop.wait(max(0.0, started + pause - time.monotonic()))

        return step

    def _listen(self) -> None:
        # Not from the pool: listening takes a connection for good.
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as listening:
            listening.execute(f"LISTEN {outbox.actions.WAKE}")
            self._wake()
            while not self._stop.is_set():
                for _notification in listening.notifies(timeout=POLL, stop_after=1):
                    self._wake()
