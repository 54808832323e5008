"""`manage.py close_provider`: suspend or reactivate an office."""

from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import closing
from audit.actors import operator
from bulk.terminal import office


class Command(BaseCommand):
    """Suspend an office, or reactivate it with --reopen; repeating the command changes nothing."""

    help = "Close an office: nobody of it comes in and nothing goes out, until it is opened again with --reopen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the office, or its id where several have the name")
        parser.add_argument("--reason", required=True, help="stands in the office's history and in the mail about it")
        parser.add_argument("--reopen", action="store_true", help="open it again")

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
