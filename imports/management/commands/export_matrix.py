from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.commands import get_office
from audit.actors import build_operator
from core.commands import LocalizedCommand
from imports import cli
from permissions.exports import grants
from permissions.models import Employer


class Command(LocalizedCommand):
    help = (
        "Export all grants (user, right, place and path) to a file; its extension sets the format: CSV, XLSX or JSONL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="file with the extension .csv, .xlsx or .jsonl")
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--employer", type=int, help="employer number: export only grants at this employer")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        provider, path, number = get_office(options["provider"]), options["file"], options["employer"]
        form = cli.get_export_format(path)
        employer = Employer.objects.filter(provider=provider, number=number).first()
        if number is not None and employer is None:
            raise CommandError(f"The office has no employer with number {number}.")
        cli.write_export(grants.export_grants(provider, employer, form=form, by=build_operator("export_matrix")), path)
