"""`loket serve`: the web server."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core.commands import parse_port, parse_workers
from core.processes import build_granian_arguments

_MAX_DEFAULT_WORKERS = 4  # processes; each holds 100 MB and up to 8 connections to the database
_STOP_SECONDS = "30"  # for requests that are being answered


class Command(BaseCommand):
    help = "Run the web server until SIGTERM or Ctrl-C."
    requires_system_checks: list[str] = []  # they would slow each start; installing runs `loket check --deploy`

    def add_arguments(self, parser: CommandParser) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = os.environ.get("WEB_CONCURRENCY") or str(min(cores, _MAX_DEFAULT_WORKERS))
        port = os.environ.get("PORT") or "8000"
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=parse_port, default=port, help="default: PORT, else 8000")
        parser.add_argument(
            "--workers",
            type=parse_workers,
            default=workers,
            help=f"processes (default: WEB_CONCURRENCY, else one for each core, at most {_MAX_DEFAULT_WORKERS})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the web server: signals reach it, and this process keeps none of its memory."""
        arguments = build_granian_arguments(options["port"], host=options["host"], workers=options["workers"])
        arguments += ["--respawn-failed-workers", "--workers-kill-timeout", _STOP_SECONDS]
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
