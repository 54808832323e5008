"""`manage.py erase_user <id>`: erase a user after the office's retention period."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.models import User
from audit.actors import build_operator
from core.commands import EnglishCommand
from history import erasure
from permissions.checks import LastAdministrator


class Command(EnglishCommand):
    help = "Permanently erase a user and anonymize them in the history. Asks for confirmation unless --yes is given."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=UUID, help="user ID, from the URL of the user's page")
        parser.add_argument("--yes", action="store_true", help="skip the confirmation prompt")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.select_related("provider").filter(pk=options["id"]).first()
        if user is None:
            raise CommandError(f"There is no user with ID {options['id']}.")
        if not options["yes"] and input(f"Permanently erase {user} of {user.provider}? [yes/no] ") != "yes":
            raise CommandError("Canceled: nothing was erased.")
        try:
            erasure.erase_user(user, by=build_operator("erase_user"))
        except (ValidationError, LastAdministrator) as error:
            raise CommandError(" ".join(getattr(error, "messages", [str(error)]))) from error
        self.stdout.write("The user has been erased.")
