"""`manage.py reseal`: re-encrypt everything with the newest of LOKET_SEALING_KEYS, so that others can be dropped."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from loket import resealing
from signin.models import RecoveryCode


class Command(BaseCommand):
    """Re-encrypt everything while the product runs, or only check that everything can be decrypted."""

    help = "Re-encrypt data with the newest of LOKET_SEALING_KEYS; --check only verifies, for use after a restore."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="make no changes; fail if a value cannot be decrypted")

    def handle(self, *args: Any, **options: Any) -> None:
        """Re-encrypt or check. Raises CommandError when a value cannot be decrypted."""
        unreadable = 0
        for found in resealing.look(seal=not options["check"]):
            name = f"{found.place.model._meta.db_table}.{found.place.column}"
            done = "with an older key" if options["check"] else "sealed anew"
            self.stdout.write(f"{name}: {found.values}, {found.older} {done}, {found.unreadable} unreadable")
            unreadable += found.unreadable
        people = RecoveryCode.objects.filter(used_at=None).values("user").distinct().count()
        self.stdout.write(f"Recovery codes are hashed, not sealed: {people} people keep needing the key of that day.")
        if unreadable:
            raise CommandError(f"{unreadable} values cannot be read: a key is missing in LOKET_SEALING_KEYS.")
