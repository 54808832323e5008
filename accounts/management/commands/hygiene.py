"""`manage.py hygiene`: list the accounts of an office that need review, as the page does."""

import json
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import hygiene
from accounts.hygiene import MOST_DAYS, Chore, Measures
from accounts.models import User
from bulk import terminal

_ROWS = 1000  # fetched at a time


class Command(BaseCommand):
    """Print the lists of accounts to review; changes nothing."""

    help = "List dormant accounts of an office: unused, ended, never accepted, or with an old password."

    def add_arguments(self, parser: CommandParser) -> None:
        standard = Measures()
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--days", type=int, default=standard.days, help="days without a login")
        parser.add_argument(
            "--password-days", type=int, default=standard.password_days, help="maximum password age in days"
        )
        parser.add_argument("--json", action="store_true", help="output JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the lists. Raises CommandError for an unknown office or a number of days out of range."""
        provider = terminal.office(options["provider"])
        measures = Measures(options["days"], options["password_days"])
        if not all(1 <= days <= MOST_DAYS for days in measures):
            raise CommandError(f"Give a number of days from 1 to {MOST_DAYS}.", returncode=terminal.FAULTS)
        people = User.objects.filter(provider=provider)
        counts = hygiene.counts(people, measures)
        if options["json"]:
            self._say(provider=str(provider.pk), **measures._asdict(), counts=counts)
        for chore, count in counts.items():
            if not options["json"]:
                self.stdout.write(f"{chore.called(measures)}: {count}")
            found = hygiene.found(people, chore, measures)
            for user in found.iterator(_ROWS):
                if options["json"]:
                    self._tell(chore, user)
                else:
                    said = hygiene.said_since(user, chore)
                    self.stdout.write(f"    {user.list_name}, {said}, {hygiene.address(user)}")

    def _tell(self, chore: Chore, user: User) -> None:
        since: date = user.since  # type: ignore[attr-defined]
        self._say(
            list=chore,
            id=str(user.pk),
            name=user.full_name,
            email=user.email,
            username=user.username,
            since=since.isoformat(),
            url=hygiene.address(user),
        )

    def _say(self, **values: Any) -> None:
        self.stdout.write(json.dumps(values, ensure_ascii=False))
