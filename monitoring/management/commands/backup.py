"""`loket backup`: the database in one file, while the product runs."""

from datetime import UTC
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from monitoring.backup import FAILURES, create, describe_failure


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
        for draft in create.list_drafts(path.parent):
            self.stderr.write(f"{draft} is an incomplete backup: remove it, unless another one is being made.")
        try:
            manifest = create.create_backup(path)
        except FAILURES as error:
            raise CommandError(f"No backup was made. {describe_failure(error)}") from error
        state = manifest.state
        self.stdout.write(
            f"{path}: {path.stat().st_size} bytes, mode 0600\n"
            f"Loket {manifest.version}, PostgreSQL {manifest.server_major}, {sum(state.rows.values())} rows in"
            f" {len(state.rows)} tables, {len(state.heads)} chains of the history\n"
            f"SHA-256 of the database: {manifest.dump_sha256}\n"
            "Not in it: LOKET_SEALING_KEYS, LOKET_SECRET_KEY and LOKET_CHECKPOINT_KEY. Keep\n"
            "them elsewhere. To restore, you need the encryption key with fingerprint\n"
            f"{', '.join(manifest.key_fingerprints)}. The file holds personal data: guard it."
        )
