"""`manage.py worker`: sends e-mail and SMS, runs imports and periodic jobs."""

import signal
from queue import SimpleQueue
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

import imports.runner
from core import db_roles, tracing
from core.periodic_jobs import JobRunner, discover_jobs
from imports.worker_processes import run_import_processes
from outbox import sending
from outbox.worker import MAX_CONNECTIONS, Worker, send_due_messages


def _widen_pool(job_count: int) -> None:
    """Allow one connection per thread, so that threads that hang do not starve the others."""
    options = connection.settings_dict["OPTIONS"]
    options["pool"] = options["pool"] | {"max_size": MAX_CONNECTIONS + job_count + 2}


class Command(BaseCommand):
    help = "Send queued mail and SMS, and run imports and periodic jobs, until SIGTERM or Ctrl-C."
    requires_system_checks: list[str] = []  # `migrate` did them; those of pages would load every page, in 20 MB

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="process what is due now, then exit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker. Raises CommandError for an invalid SMS_URL, a pooler or, with --once, a job that failed."""
        try:
            db_roles.require_own_connection()  # it listens, and jobs limit how long they wait for locks
            sending.require_sms_gateway()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if options["once"]:
            tracing.start()
            self._once()
            return
        stop_signals: SimpleQueue[int] = SimpleQueue()  # unlike Event, safe to use in a signal handler
        with run_import_processes():  # forks, so before any thread starts
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda received, _frame: stop_signals.put(received))
            tracing.start()
            jobs = discover_jobs()
            _widen_pool(len(jobs))
            worker = Worker(jobs)
            worker.start()
            stop_signals.get()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)  # a second signal stops at once, which loses nothing
        worker.stop()

    def _once(self) -> None:
        runners = [JobRunner(job) for job in discover_jobs()]
        for runner in runners:
            runner.run()
        imports.runner.run_due_jobs()
        send_due_messages()
        if failed := [runner.job.label for runner in runners if runner.failures]:
            raise CommandError(f"These jobs failed: {', '.join(failed)}. See the log.")
