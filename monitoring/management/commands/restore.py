"""`loket restore`: a backup into an empty database, verified."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.backup import BackupError, restore


class Command(BaseCommand):
    help = "Restore a backup into an empty database, and verify the history and the number of rows."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what loket backup wrote")
        parser.add_argument("--check", action="store_true", help="only check the file; use no database")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, or check the file. Raises CommandError."""
        path: Path = options["file"]
        try:
            found = restore.check_backup(path)
            self.stdout.write(f"{path}: in order, made on {found.created_at} by Loket {found.version}")
            if options["check"]:
                return
            events = restore.restore_backup(path, found)
        except (BackupError, ImproperlyConfigured, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restored: {sum(found.state.rows.values())} rows in {len(found.state.rows)} tables, as they were.\n"
            f"The history is intact: {events} events in {len(found.state.heads)} chains, up to the recorded heads.\n"
            "Now start the web server, then the worker: it sends the messages that waited at\n"
            "the time of the backup, also those that were sent after it."
        )
