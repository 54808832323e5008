"""`manage.py set_webservice_password`: give an SSO/Webservice user a new random password."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts import passwords, user_lookup
from audit.actors import build_operator
from core.commands import EnglishCommand
from core.keys import compute_username_key
from users import login_methods


class Command(EnglishCommand):
    help = "Set a new random password for an SSO/Webservice user and print it, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--previous-until",
            help="moment until which the old password works too, such as 2027-12-31T17:00; at most 7 days from now",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_lookup.find_user_by_username_key(compute_username_key(options["username"]))
        if user is None or not user.is_webservice_user:
            raise CommandError("No SSO/Webservice user has this username.")
        until, password = _parse_moment(options["previous_until"]), passwords.generate_password()
        try:
            login_methods.set_password(
                user, password=password, overlap_until=until, by=build_operator("set_webservice_password")
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Password: {password}")


def _parse_moment(text: str | None) -> datetime | None:
    """Return the moment, in the time zone of the office if `text` names none. Raises CommandError."""
    if text is None:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError("--previous-until takes a moment such as 2027-12-31T17:00.")
    return timezone.make_aware(found) if timezone.is_naive(found) else found
