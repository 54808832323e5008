"""`manage.py export_teams`: teams, employers and the rights of teams, to be imported again."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.actions import record
from audit.actors import operator
from audit.models import Verb
from bulk import team_exports, terminal
from loket import sheets


class Command(BaseCommand):
    """Write the teams of one office to a workbook with three sheets, or to three CSV files in a folder."""

    help = "Write teams, employers and the rights of teams to a workbook (.xlsx), or to three CSV files in a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to and which office."""
        parser.add_argument("path", type=Path, help="ends with .xlsx, or is a folder")
        parser.add_argument("--provider", required=True, help="id or name of the office")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it. Raises CommandError when it is neither a workbook nor a folder."""
        provider, path = terminal.office(options["provider"]), options["path"]
        if path.suffix.lower() != ".xlsx" and not path.is_dir():
            raise CommandError("Name a file that ends with .xlsx, or a folder.")
        with transaction.atomic():
            found = team_exports.exported(provider)
            changes = {"teams": [None, path.suffix.lower().lstrip(".") or "csv"]}
            by = operator("export_teams")
            record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes=changes)
        if path.is_dir():
            for title, rows in found.items():
                with terminal.private(path / f"{title.lower()}.csv") as file:
                    file.writelines(sheets.csv_lines(rows))
            return
        with terminal.private(path) as file:
            sheets.write_sheets(file, found)
