"""`loket restore`: a backup into an empty database, verified."""

from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.backup import FAILURES, describe_failure, restore
from monitoring.backup.manifest import Manifest

_NEXT_STEPS = """\
Access is as it was at the time of the backup. Before you start anything: set a new
LOKET_SECRET_KEY, which signs every user out. Then start the web server, and repeat
the blocks, erasures, revoked integrations and changed passwords since the backup.
Start the worker last: it sends the messages that waited at the time of the backup,
also those that were sent after it.
"""


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
            with path.open("rb") as file:
                manifest = restore.check_backup(file)
                self.stdout.write(f"{path}: in order, made on {manifest.created_at} by Loket {manifest.version}")
                if not options["check"]:
                    self._restore(file, manifest)
        except FAILURES as error:
            raise CommandError(describe_failure(error)) from error

    def _restore(self, file: IO[bytes], manifest: Manifest) -> None:
        history, state = restore.restore_backup(file, manifest), manifest.state
        self.stdout.write(
            f"Restored: {sum(state.rows.values())} rows in {len(state.rows)} tables, as they were.\n"
            f"The history is intact: {history.events} events in {len(state.heads)} chains, up to the recorded heads."
        )
        if history.unsigned_checkpoints:
            self.stdout.write(
                f"LOKET_CHECKPOINT_KEY did not sign {history.unsigned_checkpoints} of its checkpoints (those that"
                " chains start\nafter, and the newest). Put back the key of that time. If it had been replaced,\n"
                "verify exports with the older public key."
            )
        self.stdout.write(_NEXT_STEPS)
