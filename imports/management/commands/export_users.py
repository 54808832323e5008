from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from accounts.commands import get_office
from accounts.models import User
from audit.actors import build_operator
from core.commands import LocalizedCommand
from imports import cli
from users import exports
from users.status import annotate_statuses


class Command(LocalizedCommand):
    help = "Export the users of an office to a file; its extension sets the format: CSV, XLSX or JSONL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="file with the extension .csv, .xlsx or .jsonl")
        parser.add_argument("--provider", required=True, help="office ID or name")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        provider, path = get_office(options["provider"]), options["file"]
        users, form = annotate_statuses(User.objects.filter(provider=provider)), cli.get_export_format(path)
        cli.write_export(
            exports.export_users(provider, users, form=form, filters={}, by=build_operator("export_users")), path
        )
