"""`manage.py export_person <id> <file>`: export all data about a user as JSON or HTML."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.models import User
from audit.actors import build_operator
from core.commands import LocalizedCommand
from history import subject_access


class Command(LocalizedCommand):
    help = "Export all personal data of a user to FILE.json or FILE.html."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=UUID, help="user ID, from the URL of the user's page")
        parser.add_argument("file", type=Path, help="new file with the extension .json or .html")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        user, path = User.objects.select_related("provider").filter(pk=options["id"]).first(), options["file"]
        if user is None:
            raise CommandError(f"There is no user with ID {options['id']}.")
        if path.suffix not in (".json", ".html") or path.exists():
            raise CommandError("Give a file that does not exist yet and ends in .json or .html.")
        found = subject_access.export_personal_data(user, by=build_operator("export_person"))
        text = subject_access.render_json(found) if path.suffix == ".json" else subject_access.render_html(found, user)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        self.stdout.write(f"Personal data written to {path}.")
