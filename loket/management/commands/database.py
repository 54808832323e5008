"""`manage.py database start|stop|status`: the embedded PostgreSQL."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from loket import database


class Command(BaseCommand):
    help = "Start or stop the embedded PostgreSQL in LOKET_DATA_DIR, or show its status."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["start", "stop", "status"])

    def handle(self, *args: Any, **options: Any) -> None:
        data: Path | None = settings.DATABASES["default"].get("DATA_DIR")
        if data is None:
            raise CommandError("DATABASE_URL names a server of its own: start and stop that one.")
        if options["what"] == "start":
            try:
                database.start(data)
            except database.CannotStart as error:
                raise CommandError(str(error)) from error
        elif options["what"] == "stop":
            database.stop(data)
        state = "runs" if database.answers(data) else "does not run"
        self.stdout.write(f"The database in {data} {state}.")
