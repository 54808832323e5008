"""`manage.py trim_history <office> --before <date>`: remove an office's oldest events after the retention period."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date

from audit import retention
from audit.actors import operator
from loket import roles


class Command(BaseCommand):
    """Remove the beginning of an office's audit log, as the owner of the tables."""

    help = "Remove the oldest events of an office. A signed checkpoint records where the remaining history starts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("office", type=UUID, help="office ID")
        parser.add_argument("--before", type=parse_date, required=True, help="first day to keep, such as 2020-01-31")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove the events. Raises CommandError for an unknown office or date, or without the owner's database URL."""
        office = apps.get_model("accounts", "Provider")._default_manager.filter(pk=options["office"]).first()
        if office is None or options["before"] is None:
            raise CommandError("There is no such office, or no such day.")
        before = timezone.make_aware(datetime.combine(options["before"], time.min))
        try:
            roles.owner()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        with roles.as_owner():
            count = retention.trim(office, before=before, by=operator("trim_history"))
        self.stdout.write(f"{count} events were removed.")
