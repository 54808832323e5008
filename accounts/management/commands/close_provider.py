"""`manage.py close_provider`: suspend or reactivate an office."""

from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import closing
from audit.actors import operator
from bulk.terminal import office


class Command(BaseCommand):
    """Suspend an office, or reactivate it with --reopen; repeating the command changes nothing."""

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
            raise CommandError("Give a reason of at most 500 characters.")
        provider = office(options["name"])
        by = replace(operator("close_provider"), reason=reason)
        if options["reopen"]:
            said = "is open again" if closing.reopen(provider, by=by) else "was not closed"
        else:
            said = "is closed" if closing.close(provider, by=by) else "was closed already"
        self.stdout.write(f"Office {provider.name} {said}.")
