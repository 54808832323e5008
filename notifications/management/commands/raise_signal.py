"""`manage.py raise_signal`: raise a notification event about an employer, where no payroll application does."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

import notifications.actions
from accounts.models import Provider
from audit.actors import operator
from notifications.catalogue import SignalType
from teams.models import Employer


class Command(BaseCommand):
    help = "Notify users with access to an employer about an event on a date, such as the end of a contract."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("office", help="office name")
        parser.add_argument("employer", type=int, help="employer number")
        parser.add_argument("type", choices=[type_.value for type_ in SignalType])
        parser.add_argument("event_date", type=date.fromisoformat, help="event date, such as 2027-03-31")
        parser.add_argument("--text", default="", help="text shown after the notification type, such as a name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise the event. Raises CommandError for an unknown office or employer, or an invalid text."""
        offices = Provider.objects.filter(name=options["office"])
        if len(offices) != 1:
            raise CommandError(f"There are {len(offices)} offices called {options['office']}.")
        employer = Employer.objects.filter(provider=offices[0], number=options["employer"]).first()
        if employer is None:
            raise CommandError(f"This office has no employer {options['employer']}.")
        try:
            signal = notifications.actions.raise_signal(
                offices[0], employer, SignalType(options["type"]), options["event_date"],
                text=options["text"], by=operator("raise_signal"),
            )  # fmt: skip
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Raised; {signal.notices.count()} see it now.")
