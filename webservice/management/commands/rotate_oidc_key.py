"""`manage.py rotate_oidc_key`: create a new ID token signing key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from webservice import keys
from webservice.models import SigningKey


class Command(BaseCommand):
    help = "Create a new signing key for ID tokens: published now, used after one hour. Rotate yearly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--now",
            action="store_true",
            help="sign with it immediately: clients that cache our keys may reject tokens for an hour",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the key and delete keys that no client can need any more."""
        now = timezone.now()
        SigningKey.objects.current()  # ensure that a key signs meanwhile
        key = SigningKey.objects.add(signs_from=now if options["now"] else now + keys.CACHED)
        published = [one.pk for one in SigningKey.objects.published()]
        SigningKey.objects.exclude(pk__in=published).delete()
        self.stdout.write(f"{key.kid} signs from {key.signs_from:%Y-%m-%d %H:%M} UTC on.")
