"""`manage.py suspend_provider`: suspend or reactivate an office."""

from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.commands import get_office
from audit.actors import build_operator
from users import suspension


class Command(BaseCommand):
    help = (
        "Suspend an office: sign-in and outgoing mail stop until it is reactivated with --reopen; no data is deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="office name, or its ID if several offices share the name")
        parser.add_argument(
            "--reason", required=True, help="recorded in the office's history and sent to its administrators"
        )
        parser.add_argument("--reopen", action="store_true", help="reactivate the office")

    def handle(self, *args: Any, **options: Any) -> None:
        reason = options["reason"].strip()
        if not reason or len(reason) > 500:
            raise CommandError("Give a reason of at most 500 characters with --reason.")
        provider = get_office(options["name"])
        by = replace(build_operator("suspend_provider"), reason=reason)
        if options["reopen"]:
            state = "has been reactivated" if suspension.reactivate_office(provider, by=by) else "was not suspended"
        else:
            state = "has been suspended" if suspension.suspend_office(provider, by=by) else "was already suspended"
        self.stdout.write(f"Office {provider.name} {state}.")
