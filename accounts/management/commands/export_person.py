"""`manage.py export_person <id> <file>`: export all data about a user as JSON or HTML."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import everything
from accounts.models import User
from audit.actors import operator


class Command(BaseCommand):
    help = "Export all personal data of a user to FILE.json or FILE.html."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=UUID, help="user ID, from the URL of the user's page")
        parser.add_argument("file", type=Path, help="new file with the extension .json or .html")

    def handle(self, *args: Any, **options: Any) -> None:
        user, path = User.objects.select_related("provider").filter(pk=options["id"]).first(), options["file"]
        if user is None:
            raise CommandError("Nobody has this id.")
        if path.suffix not in (".json", ".html") or path.exists():
            raise CommandError("Give a new file that ends in .json or .html.")
        found = everything.export(user, by=operator("export_person"))
        text = everything.as_json(found) if path.suffix == ".json" else everything.as_html(found, user)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        self.stdout.write(f"Written to {path}.")
