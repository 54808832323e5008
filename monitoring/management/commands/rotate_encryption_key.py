"""`loket rotate_encryption_key`: re-encrypt everything with the newest of LOKET_SEALING_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from authentication.models import RecoveryCodes
from monitoring import key_rotation


class Command(BaseCommand):
    """Re-encrypt everything while the product runs, or only check that everything can be decrypted."""

    help = "Re-encrypt data with the newest of LOKET_SEALING_KEYS; --check only verifies, for use after a restore."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="make no changes; fail if a value cannot be decrypted")

    def handle(self, *args: Any, **options: Any) -> None:
        """Re-encrypt or check. Raises CommandError when a value cannot be decrypted."""
        unreadable = 0
        for found in key_rotation.rotate_keys(reencrypt=not options["check"]):
            name = f"{found.column.model._meta.db_table}.{found.column.name}"
            done = "with an older key" if options["check"] else "re-encrypted"
            self.stdout.write(
                f"{name}: {found.value_count}, {found.older_key_count} {done}, {found.unreadable_count} unreadable"
            )
            unreadable += found.unreadable_count
        user_count = RecoveryCodes.objects.exclude(code_hashes=[]).count()
        self.stdout.write(f"Recovery codes are hashed and keep their key. Users with unused codes: {user_count}.")
        if unreadable:
            raise CommandError(f"{unreadable} values cannot be decrypted: a key is missing in LOKET_SEALING_KEYS.")
