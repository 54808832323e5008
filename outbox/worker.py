"""The worker, which sends queued messages and runs periodic jobs. Any number of workers can run at once."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Semaphore, Thread

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
from outbox.turns import ANY, URGENT, Turns

MAIL_SENDERS = 5
URGENT_ONLY = 1  # email senders reserved for urgent messages
SMS_AT_ONCE = 48  # threads; an office gets half of them: 4 SMS a second at a gateway that takes 6 s
CONNECTIONS = MAIL_SENDERS + 3  # one to claim SMS, two for their results: none is needed while an SMS is sent
POLL = 0.5  # seconds; covers a lost notification
BEAT = 5.0  # seconds
_AFTER_FAULT = 1.0  # seconds

log = structlog.get_logger("loket.outbox")


def send_one(turns: Turns, urgency: int = ANY) -> bool:
    """Send the next message of at least `urgency`; return False when there is none."""
    message = turns.take(urgency)
    if message is None:
        return False
    _carry(turns, message)
    return True


def _carry(turns: Turns, message: Message) -> None:
    """Deliver a claimed message, log the result and release its sender."""
    delivered: Message | None = message
    seconds: float | None = None
    try:
        with bound_contextvars(correlation_id=message.correlation_id):
            if message.is_waiting:
                started = time.monotonic()
                delivered = outbox.actions.deliver(message)
                seconds = time.monotonic() - started
            if delivered is not None:
                _log(delivered)
    finally:
        is_sent = delivered is not None and delivered.state == Message.State.SENT
        turns.done(message, seconds=seconds, is_sent=is_sent)


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
    """Send all due messages and return how many were claimed."""
    turns = 0
    for channel in Message.Channel:
        own = Turns(channel)
        while send_one(own):
            turns += 1
    return turns


class Worker:
    """Threads of a worker: senders, one per periodic job, and one that listens for notifications."""

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self._stop = Event()
        self._id = uuid7()
        self._jobs = [Job(self._beat, BEAT, "heartbeat"), *jobs]
        self._wakes: list[Event] = []
        self._free, self._carriers = Semaphore(SMS_AT_ONCE), ThreadPoolExecutor(SMS_AT_ONCE)
        steps: list[Callable[[], None]] = [self._listen, *(self._periodic(Runner(job)) for job in self._jobs)]
        mails = Turns(Message.Channel.MAIL, MAIL_SENDERS)
        steps += [self._sender(mails, URGENT if number < URGENT_ONLY else ANY) for number in range(MAIL_SENDERS)]
        steps.append(self._distributor(Turns(Message.Channel.SMS, SMS_AT_ONCE)))
        self._threads = [Thread(target=self._repeat, args=[step]) for step in steps]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads; return once the messages in progress have been sent."""
        self._stop.set()
        self._wake()
        for thread in self._threads:
            thread.join()
        self._carriers.shutdown()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake.set()

    def _repeat(self, step: Callable[[], None]) -> None:
        """Repeat `step` until stopped, even when the database fails meanwhile."""
        while not self._stop.is_set():
            try:
                step()
            except Exception as error:  # its text may hold an address
                log.error("worker fault", error=type(error).__name__, traceback=traceback_of(error))
                with suppress(Exception):
                    connection.close()
                self._stop.wait(_AFTER_FAULT)
        connection.close()

    def _sender(self, turns: Turns, urgency: int) -> Callable[[], None]:
        wake = self._new_wake()

        def step() -> None:
            if not send_one(turns, urgency):
                wake.wait(POLL)
                wake.clear()

        return step

    def _distributor(self, turns: Turns) -> Callable[[], None]:
        """Return the step that passes each SMS to a free thread, so that a slow gateway does not block other SMS."""
        wake = self._new_wake()

        def step() -> None:
            if not self._free.acquire(timeout=POLL):
                return
            message = None
            try:
                message = turns.take()
                if message is not None:
                    self._carriers.submit(self._carry_sms, turns, message)
            finally:
                if message is None:
                    self._free.release()
            if message is None:
                wake.wait(POLL)
                wake.clear()

        return step

    def _carry_sms(self, turns: Turns, message: Message) -> None:
        try:
            _carry(turns, message)
        except Exception as error:  # its text may hold the number
            log.error("worker fault", error=type(error).__name__, traceback=traceback_of(error))
        finally:
            with suppress(Exception):
                connection.close()
            self._free.release()

    def _new_wake(self) -> Event:
        wake = Event()
        self._wakes.append(wake)
        return wake

    def _beat(self) -> None:
        outbox.actions.beat(self._id)
        periodic.register(self._jobs)

    def _periodic(self, runner: Runner) -> Callable[[], None]:
        def step() -> None:
            started = time.monotonic()
            pause = runner.run()
            connection.close()  # return it to the pool, which tests it before the next use: an hour may pass
            self._stop.wait(max(0.0, started + pause - time.monotonic()))

        return step

    def _listen(self) -> None:
        # Not from the pool: LISTEN keeps its connection.
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as listening:
            listening.execute(f"LISTEN {outbox.actions.WAKE}")
            self._wake()
            while not self._stop.is_set():
                for _notification in listening.notifies(timeout=POLL, stop_after=1):
                    self._wake()
