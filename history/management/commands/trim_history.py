"""`manage.py trim_history <office> --before <date>`: remove an office's oldest events after the retention period."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.actors import build_operator
from core import db_roles
from core.commands import parse_day
from history import retention


class Command(BaseCommand):
    """Remove the beginning of an office's audit log, as the owner of the tables."""

    help = "Remove the oldest events of an office. A signed checkpoint records where the remaining history starts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("office", type=UUID, help="office ID")
        parser.add_argument("--before", type=parse_day, required=True, help="first day to keep, such as 2020-01-31")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove the events. Raises CommandError for an unknown office, or without the owner's database URL."""
        office = apps.get_model("accounts", "Provider")._default_manager.filter(pk=options["office"]).first()
        if office is None:
            raise CommandError(f"There is no office with ID {options['office']}.")
        before = timezone.make_aware(datetime.combine(options["before"], time.min))
        try:
            db_roles.get_owner_role()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        with db_roles.use_owner_role():
            count = retention.trim_events(office, before=before, by=build_operator("trim_history"))
        self.stdout.write(f"Events removed: {count}.")
