"""`manage.py migrate` as the owner of the tables, who then lets the application use them."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.core.management.commands import migrate

from loket import roles


class Command(migrate.Command):
    """Django's command, in the role that owns the tables."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. Raises CommandError when nothing says who the owner is."""
        try:
            roles.owner()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        with roles.as_owner():
            super().handle(*args, **options)
            roles.grant()
