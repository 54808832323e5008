from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import exports
from accounts.models import User
from accounts.status import with_status
from audit.actors import operator
from bulk import terminal


class Command(BaseCommand):
    """Export the users of an office."""

    help = "Export the users of an office to a file; its extension sets the format: CSV, XLSX or JSONL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="file with the extension .csv, .xlsx or .jsonl")
        parser.add_argument("--provider", required=True, help="office ID or name")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, path = terminal.office(options["provider"]), options["file"]
        people, form = with_status(User.objects.filter(provider=provider)), terminal.form_of(path)
        terminal.copy(exports.export(provider, people, form=form, filters={}, by=operator("export_users")), path)
