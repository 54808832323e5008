"""`manage.py rotate_oidc_key`: create a new ID token signing key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from oauth import signing_keys
from oauth.signing_keys import SigningKey


class Command(BaseCommand):
    help = "Create new signing keys for ID tokens: published now, used after one hour. Rotate yearly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--now",
            action="store_true",
            help="use the keys immediately; clients with cached keys may reject tokens for 15 minutes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create a key for each algorithm, and retire those that no longer verify an unexpired ID token."""
        now = timezone.now()
        for algorithm in signing_keys.ALGORITHMS:
            SigningKey.objects.get_current(algorithm)  # ensure that a key signs meanwhile
            signs_from = now if options["now"] else now + signing_keys.PUBLICATION_LEAD
            key = SigningKey.objects.create_key(algorithm, signs_from=signs_from)
            self.stdout.write(f"{algorithm} key {key.kid} signs from {key.signs_from:%Y-%m-%d %H:%M} UTC.")
        SigningKey.objects.retire()
