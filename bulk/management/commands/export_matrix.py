from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actors import operator
from bulk import terminal
from teams import grants
from teams.models import Employer


class Command(BaseCommand):
    """Export all grants of an office."""

    help = "Write who has which right, where and by what, to a CSV, XLSX or JSONL file; its name says which."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="ends with .csv, .xlsx or .jsonl")
        parser.add_argument("--provider", required=True, help="id or name of the office")
        parser.add_argument("--employer", type=int, help="number of an employer: only what is held there")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, path, number = terminal.office(options["provider"]), options["file"], options["employer"]
        form = terminal.form_of(path)
        employer = Employer.objects.filter(provider=provider, number=number).first()
        if number is not None and employer is None:
            raise CommandError(f"There is no employer {number} in this office.")
        terminal.copy(grants.export(provider, employer, form=form, by=operator("export_matrix")), path)
