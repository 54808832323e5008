import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.commands import get_office
from accounts.models import Provider
from audit.actions import record
from audit.actors import build_operator
from audit.models import Verb
from core.commands import EXIT_DONE, EXIT_FAULTS, EXIT_REFUSED, LocalizedCommand
from imports import cli
from imports.declarative import export, reconcile, rendering, schema, secrets_file
from imports.declarative.reconcile import OfficeOutcome
from imports.declarative.schema import OfficeFault
from imports.declarative.secrets_file import OfficeSecrets
from imports.files.cells import UnreadableFile


class Command(LocalizedCommand):
    """Reconcile offices with a file that declares them, or export such a file."""

    help = "Apply a TOML file that declares offices, or export one. Exit code 1: errors, 2: an office was refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["apply", "export"])
        parser.add_argument("file", type=Path, help="TOML file")
        parser.add_argument("--plan", action="store_true", help="apply: dry run, show the changes only")
        parser.add_argument("--secrets", type=Path, help="apply: file with mobile numbers and passwords")
        parser.add_argument("--json", action="store_true", help="apply: output JSON lines, one per office")
        parser.add_argument("--provider", action="append", help="export: office ID or name; all offices if omitted")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 for faults, 2 when an office is refused."""
        if options["what"] == "export":
            self._export_offices(options["file"], options["provider"])
            return
        try:
            content, secrets, faults = self._read_files(options["file"], options["secrets"])
            declared = schema.parse_offices(content)
        except UnreadableFile as error:
            raise CommandError(str(error), returncode=EXIT_FAULTS) from None
        by = replace(build_operator("offices apply"), correlation_id=hashlib.sha256(content).hexdigest()[:36])
        commit = not options["plan"] and not faults
        outcomes = reconcile.reconcile_offices(declared, secrets, by=by, commit=commit)
        wrong = bool(faults) or any(outcome.faults for outcome in outcomes)
        self._print_outcomes(outcomes, faults, as_json=options["json"], done=commit and not wrong)
        code = EXIT_FAULTS if wrong else EXIT_REFUSED if any(outcome.refusal for outcome in outcomes) else EXIT_DONE
        if code:
            sys.exit(code)

    def _read_files(self, path: Path, secrets_path: Path | None) -> tuple[bytes, OfficeSecrets, list[OfficeFault]]:
        cli.require_files(path, *filter(None, [secrets_path]))
        secrets, faults = OfficeSecrets(), list[OfficeFault]()
        if secrets_path is not None:
            with secrets_path.open("rb") as file:
                secrets, faults = secrets_file.read_secrets(file)
        return path.read_bytes(), secrets, faults

    def _print_outcomes(
        self, outcomes: list[OfficeOutcome], faults: list[OfficeFault], *, as_json: bool, done: bool
    ) -> None:
        if as_json:
            values = [{"faults": faults}] if faults else []
            values += [rendering.serialize_outcome(outcome, done=done) for outcome in outcomes]
            for value in values:
                self.stdout.write(json.dumps(value, ensure_ascii=False))
            return
        for line in rendering.render_faults(faults):
            self.stdout.write(line)
        for outcome in outcomes:
            for line in rendering.render_outcome(outcome, done=done):
                self.stdout.write(line)
        self.stdout.write(_("The file has been applied.") if done else _("Nothing has been written."))

    def _export_offices(self, path: Path, names: list[str] | None) -> None:
        chosen = [get_office(name) for name in names] if names else list(Provider.objects.order_by("name", "pk"))
        by = build_operator("offices export")
        with transaction.atomic(), cli.open_private_file(path) as file:
            for line in export.export_offices(chosen):
                file.write(line.encode())
            for office in chosen:
                record(Verb.EXPORTED, office, by=by, provider_id=office.pk, changes={"offices": [None, "toml"]})
