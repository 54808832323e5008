"""`loket backup`: the database in one file, while the product runs."""

from datetime import UTC
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from monitoring.backup import BackupError, create


class Command(BaseCommand):
    help = "Write a backup of the database to one file, which only its owner can read. It does not hold the keys."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a new file, or a folder in which it is named after the moment")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the backup. Raises CommandError."""
        path: Path = options["file"]
        if path.is_dir():
            path /= f"loket-{timezone.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.backup"
        if (draft := create.get_draft_path(path)).exists():
            self.stderr.write(f"{draft} is the half of a backup that was interrupted, or that another one is writing.")
        try:
            made = create.create_backup(path)
        except (BackupError, ImproperlyConfigured, OSError) as error:
            raise CommandError(f"No backup was made. {error}") from error
        rows, chains = sum(made.state.rows.values()), len(made.state.heads)
        self.stdout.write(
            f"{path}: {path.stat().st_size} bytes, mode 0600\n"
            f"Loket {made.version}, PostgreSQL {made.server_major}, {rows} rows in {len(made.state.rows)} tables,"
            f" {chains} chains of the history\n"
            f"SHA-256 of the database: {made.dump_sha256}\n"
            "Not in it: LOKET_SEALING_KEYS, LOKET_SECRET_KEY and LOKET_CHECKPOINT_KEY. Keep\n"
            "them elsewhere. To restore, you need the encryption key with fingerprint\n"
            f"{', '.join(made.key_fingerprints)}. The file holds personal data: guard it."
        )
