"""`manage.py raise_notification`: raise a notification event about an employer, where no payroll application does."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

import notifications.actions
from accounts.commands import get_office
from audit.actors import build_operator
from core.commands import EnglishCommand, parse_day
from notifications.catalog import NotificationType
from permissions.models import Employer


class Command(EnglishCommand):
    help = "Notify users with access to an employer about an event on a date, such as the end of a contract."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("office", help="office ID or name")
        parser.add_argument("employer", type=int, help="employer number")
        parser.add_argument("type", choices=[type_.value for type_ in NotificationType])
        parser.add_argument("event_date", type=parse_day, help="event date, such as 2027-03-31")
        parser.add_argument("--text", default="", help="text shown after the notification type, such as a name")

    def handle(self, *args: Any, **options: Any) -> None:
        office = get_office(options["office"])
        employer = Employer.objects.filter(provider=office, number=options["employer"]).first()
        if employer is None:
            raise CommandError(f"The office has no employer with number {options['employer']}.")
        try:
            event = notifications.actions.raise_notification_event(
                office, employer, NotificationType(options["type"]), options["event_date"],
                text=options["text"], by=build_operator("raise_notification"),
            )  # fmt: skip
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Notification raised. Users who see it now: {event.notices.count()}.")
