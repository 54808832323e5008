"""`manage.py worker`: sends email and SMS, runs imports and periodic jobs."""

import signal
from queue import SimpleQueue
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

import accounts.checkpoints
import accounts.hygiene_mails
import audit.chain
import bulk.operations
import bulk.running
import invitations.actions
import notifications.delivery
import signin.actions
import signin.factors.reminders
import support.looking
import webservice.cleaning
from bulk.lanes import lanes
from loket.periodic import Job, Runner
from outbox import sending
from outbox.worker import CONNECTIONS, Worker, send_due

JOBS = (
    Job(signin.actions.expand_reset_requests, every=0.5),
    Job(audit.chain.lengthen_all, every=5),
    Job(accounts.checkpoints.keep_all, every=300),
    Job(invitations.actions.expire_due, every=60),
    Job(notifications.delivery.run_day, every=1),
    Job(signin.factors.reminders.send_due, every=3600),
    Job(accounts.hygiene_mails.send_due, every=10),
    Job(bulk.operations.sweep, every=60),
    Job(signin.actions.clean, every=3600),
    Job(webservice.cleaning.clean, every=3600),
    Job(support.looking.end_over, every=10),
)


def _widen_pool() -> None:
    """Allow one connection per thread, so that threads that hang do not starve the others."""
    options = connection.settings_dict["OPTIONS"]
    options["pool"] = options["pool"] | {"max_size": CONNECTIONS + len(JOBS) + 2}


class Command(BaseCommand):
    help = "Send queued mail and SMS, and run imports and periodic jobs, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="process what is due now, then exit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker. Raises CommandError when SMS_URL is invalid or, with --once, when a job failed."""
        try:
            sending.require_gateway()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if options["once"]:
            self._once()
            return
        asked: SimpleQueue[int] = SimpleQueue()  # unlike Event, safe to use in a signal handler
        with lanes():  # forks, so before any thread starts
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda received, _frame: asked.put(received))
            _widen_pool()
            worker = Worker(JOBS)
            worker.start()
            asked.get()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)  # a second signal stops at once, which loses nothing
        worker.stop()

    def _once(self) -> None:
        runners = [Runner(job) for job in JOBS]
        for runner in runners:
            runner.run()
        bulk.running.run_due()
        send_due()
        if failed := [runner.job.label for runner in runners if runner.failures]:
            raise CommandError(f"Failed, see the log: {', '.join(failed)}.")
