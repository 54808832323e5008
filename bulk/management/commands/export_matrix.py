from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actors import operator
from bulk import terminal
from teams import grants
from teams.models import Employer


class Command(BaseCommand):
    """Export all grants of an office."""

    help = (
        "Export all grants (user, right, place and path) to a file; its extension sets the format: CSV, XLSX or JSONL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="file with the extension .csv, .xlsx or .jsonl")
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--employer", type=int, help="employer number: export only grants at this employer")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, path, number = terminal.office(options["provider"]), options["file"], options["employer"]
        form = terminal.form_of(path)
        employer = Employer.objects.filter(provider=provider, number=number).first()
        if number is not None and employer is None:
            raise CommandError(f"There is no employer {number} in this office.")
        terminal.copy(grants.export(provider, employer, form=form, by=operator("export_matrix")), path)
