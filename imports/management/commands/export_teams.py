from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.commands import get_office
from audit.actors import build_operator
from core.commands import EXIT_FAULTS, LocalizedCommand
from core.export_files import FileFormat
from imports import cli
from imports.files import team_export


class Command(LocalizedCommand):
    """Export the teams of an office to a workbook with three sheets, or to files in a directory."""

    help = "Export teams, employers and team rights to a workbook (.xlsx), or to CSV or JSONL files in a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="file with the extension .xlsx, or a folder")
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--jsonl", action="store_true", help="write JSON lines instead of CSV to the folder")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        provider, path = get_office(options["provider"]), options["path"]
        if path.suffix.lower() != ".xlsx" and not path.is_dir():
            raise CommandError("Give a file name that ends in .xlsx, or an existing folder.", returncode=EXIT_FAULTS)
        form = FileFormat.XLSX if not path.is_dir() else FileFormat.JSONL if options["jsonl"] else FileFormat.CSV
        for title, file in team_export.export_teams(provider, form=form, by=build_operator("export_teams")).items():
            cli.write_export(file, path / f"{title.lower()}.{form}" if path.is_dir() else path)
