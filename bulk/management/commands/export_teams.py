from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.exports import Form
from audit.actors import operator
from bulk import team_exports, terminal


class Command(BaseCommand):
    """Export the teams of an office to a workbook with three sheets, or to files in a directory."""

    help = "Export teams, employers and team rights to a workbook (.xlsx), or to CSV or JSONL files in a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="file with the extension .xlsx, or a folder")
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--jsonl", action="store_true", help="write JSON lines instead of CSV to the folder")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, path = terminal.office(options["provider"]), options["path"]
        if path.suffix.lower() != ".xlsx" and not path.is_dir():
            raise CommandError("Name a file that ends with .xlsx, or a folder.", returncode=terminal.FAULTS)
        form = Form.XLSX if not path.is_dir() else Form.JSONL if options["jsonl"] else Form.CSV
        for title, made in team_exports.export(provider, form=form, by=operator("export_teams")).items():
            terminal.copy(made, path / f"{title.lower()}.{form}" if path.is_dir() else path)
