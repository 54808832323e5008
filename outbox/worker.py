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
from core import periodic_jobs, tracing
from core.ids import uuid7
from core.logs import format_traceback
from core.periodic_jobs import JobRunner, PeriodicJob
from outbox.fair_queue import ANY_URGENCY, ONLY_URGENT, FairQueue
from outbox.models import Message

MAIL_SENDERS = 5
URGENT_ONLY_SENDERS = 1  # email senders reserved for urgent messages
MAX_CONCURRENT_SMS = 48  # threads; an office gets half of them: 4 SMS a second at a gateway that takes 6 s
MAX_CONCURRENT_POSTS = 4
MAX_CONNECTIONS = MAIL_SENDERS + 3  # one to claim SMS and POSTs, two for their results: none while one is sent
POLL_SECONDS = 0.5  # seconds; covers a lost notification
HEARTBEAT_SECONDS = 5.0  # seconds
_FAULT_PAUSE_SECONDS = 1.0  # seconds

log = structlog.get_logger("loket.outbox")


def send_next_message(queue: FairQueue, urgency: int = ANY_URGENCY) -> bool:
    """Send the next message of at least `urgency`; return False when there is none."""
    message = queue.claim_next(urgency)
    if message is None:
        return False
    _deliver_claimed_message(queue, message)
    return True


def _deliver_claimed_message(queue: FairQueue, message: Message) -> None:
    """Deliver a claimed message, log the result and release its sender."""
    delivered: Message | None = message
    seconds: float | None = None
    try:
        with bound_contextvars(correlation_id=message.correlation_id), tracing.span(f"send {message.kind}") as facts:
            if message.is_pending:
                started = time.monotonic()
                delivered = outbox.actions.deliver_message(message)
                seconds = time.monotonic() - started
            if delivered is not None:
                facts.update({"loket.channel": delivered.channel, "loket.state": str(delivered.state)})
                _log_delivery(delivered)
    finally:
        is_sent = delivered is not None and delivered.state == Message.State.SENT
        queue.release_sender(message, seconds=seconds, is_sent=is_sent)


def _log_delivery(message: Message) -> None:
    log.info(
        "message",
        id=str(message.pk),
        kind=message.kind,
        channel=message.channel,
        state=str(message.state),
        attempt=message.attempts,
    )


def send_due_messages() -> int:
    """Send all due messages and return how many were claimed."""
    count = 0
    for channel in Message.Channel:
        queue = FairQueue(channel)
        while send_next_message(queue):
            count += 1
    return count


class _Lane:
    """Threads that send the messages of one channel."""

    def __init__(self, channel: Message.Channel, size: int) -> None:
        self.queue, self.threads = FairQueue(channel, size), ThreadPoolExecutor(size)
        self._free = Semaphore(size)

    def start_next(self, wake: Event) -> bool:
        """Start sending the next message and return True, unless there is none or no thread is free.

        `wake` is set when a thread becomes free.
        """
        if not self._free.acquire(blocking=False):
            return False
        message = None
        try:
            message = self.queue.claim_next()
            if message is not None:
                self.threads.submit(self._deliver, message, wake)
        finally:
            if message is None:
                self._free.release()
        return message is not None

    def _deliver(self, message: Message, wake: Event) -> None:
        try:
            _deliver_claimed_message(self.queue, message)
        except Exception as error:  # its text may hold the number
            log.error("worker fault", error=type(error).__name__, traceback=format_traceback(error))
        finally:
            with suppress(Exception):
                connection.close()
            self._free.release()
            wake.set()


class Worker:
    """Threads of a worker: senders, one per periodic job, and one that listens for notifications."""

    def __init__(self, jobs: Iterable[PeriodicJob] = ()) -> None:
        self._stop = Event()
        self._id = uuid7()
        self._jobs = [PeriodicJob(self._record_heartbeat, HEARTBEAT_SECONDS, "heartbeat"), *jobs]
        self._wake_events: list[Event] = []
        self._lanes = [
            _Lane(Message.Channel.SMS, MAX_CONCURRENT_SMS),
            _Lane(Message.Channel.HTTP, MAX_CONCURRENT_POSTS),
        ]
        steps: list[Callable[[], None]] = [self._listen, *(self._build_job_step(JobRunner(job)) for job in self._jobs)]
        mails = FairQueue(Message.Channel.MAIL, MAIL_SENDERS)
        steps += [
            self._build_email_step(mails, ONLY_URGENT if number < URGENT_ONLY_SENDERS else ANY_URGENCY)
            for number in range(MAIL_SENDERS)
        ]
        steps.append(self._build_lane_step())
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
        for lane in self._lanes:
            lane.threads.shutdown()

    def _wake(self) -> None:
        for wake in self._wake_events:
            wake.set()

    def _repeat(self, step: Callable[[], None]) -> None:
        """Repeat `step` until stopped, even when the database fails."""
        while not self._stop.is_set():
            try:
                step()
            except Exception as error:  # its text may hold an address
                log.error("worker fault", error=type(error).__name__, traceback=format_traceback(error))
                with suppress(Exception):
                    connection.close()
                self._stop.wait(_FAULT_PAUSE_SECONDS)
        connection.close()

    def _build_email_step(self, queue: FairQueue, urgency: int) -> Callable[[], None]:
        wake = self._create_wake_event()

        def step() -> None:
            if not send_next_message(queue, urgency):
                wake.wait(POLL_SECONDS)
                wake.clear()

        return step

    def _build_lane_step(self) -> Callable[[], None]:
        """Return the step that passes each SMS and POST to a free thread, so that a slow receiver blocks no other."""
        wake = self._create_wake_event()

        def step() -> None:
            if not sum(lane.start_next(wake) for lane in self._lanes):
                wake.wait(POLL_SECONDS)
                wake.clear()

        return step

    def _create_wake_event(self) -> Event:
        wake = Event()
        self._wake_events.append(wake)
        return wake

    def _record_heartbeat(self) -> None:
        outbox.actions.record_heartbeat(self._id)
        periodic_jobs.register_jobs(self._jobs)

    def _build_job_step(self, runner: JobRunner) -> Callable[[], None]:
        def step() -> None:
            started = time.monotonic()
            pause = runner.run()
            connection.close()  # return it to the pool, which tests it before the next use: an hour may pass
            self._stop.wait(max(0.0, started + pause - time.monotonic()))

        return step

    def _listen(self) -> None:
        # Not from the pool: LISTEN keeps its connection.
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as listening:
            listening.execute(f"LISTEN {outbox.actions.WAKE_CHANNEL}")
            self._wake()
            while not self._stop.is_set():
                for _notification in listening.notifies(timeout=POLL_SECONDS, stop_after=1):
                    self._wake()
