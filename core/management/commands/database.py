"""`manage.py database start|stop|status`: the embedded PostgreSQL."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.embedded_postgres import server


class Command(BaseCommand):
    help = "Start or stop the embedded PostgreSQL in LOKET_DATA_DIR, or show its status."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["start", "stop", "status"])

    def handle(self, *args: Any, **options: Any) -> None:
        data: Path | None = settings.DATABASES["default"].get("DATA_DIR")
        if data is None:
            raise CommandError("DATABASE_URL is set, so the embedded PostgreSQL is not used.")
        if options["what"] == "start":
            try:
                server.start_server(data)
            except server.ServerStartError as error:
                raise CommandError(str(error)) from error
        elif options["what"] == "stop":
            server.stop_server(data)
        state = "is running" if server.is_server_ready(data) else "is not running"
        self.stdout.write(f"The database in {data} {state}.")
