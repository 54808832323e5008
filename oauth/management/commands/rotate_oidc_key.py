"""`manage.py rotate_oidc_key`: create a new ID token signing key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from oauth import signing_keys
from oauth.models import SigningKey


class Command(BaseCommand):
    help = "Create a new signing key for ID tokens: published now, used after one hour. Rotate yearly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--now",
            action="store_true",
            help="use the key immediately; clients with cached keys may reject tokens for an hour",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the key and delete keys that no client can still need."""
        now = timezone.now()
        SigningKey.objects.get_current()  # ensure that a key signs meanwhile
        key = SigningKey.objects.create_key(
            signs_from=now if options["now"] else now + signing_keys.JWKS_CACHE_LIFETIME
        )
        published = [one.pk for one in SigningKey.objects.list_published()]
        SigningKey.objects.exclude(pk__in=published).delete()
        self.stdout.write(f"Key {key.kid} signs from {key.signs_from:%Y-%m-%d %H:%M} UTC.")
