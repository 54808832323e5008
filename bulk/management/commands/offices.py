import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Provider
from audit.actions import record
from audit.actors import operator
from audit.models import Verb
from bulk import office_exports, office_files, office_plans, office_secrets, office_showing, terminal
from bulk.cells import Unreadable
from bulk.office_files import Fault
from bulk.office_plans import Outcome
from bulk.office_secrets import Secrets


class Command(BaseCommand):
    """Reconcile offices with a file that declares them, or export such a file."""

    help = "Apply a TOML file that declares offices, or export one. Exit code 1: errors, 2: an office was denied."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["apply", "export"])
        parser.add_argument("file", type=Path, help="TOML file")
        parser.add_argument("--plan", action="store_true", help="apply: dry run, show the changes only")
        parser.add_argument("--secrets", type=Path, help="apply: file with mobile numbers and passwords")
        parser.add_argument("--json", action="store_true", help="apply: output JSON lines, one per office")
        parser.add_argument("--provider", action="append", help="export: office ID or name; all offices if omitted")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 for faults, 2 when an office is refused."""
        if options["what"] == "export":
            self._export(options["file"], options["provider"])
            return
        try:
            content, secrets, faults = self._read(options["file"], options["secrets"])
            declared = office_files.read(content)
        except Unreadable as error:
            raise CommandError(str(error), returncode=terminal.FAULTS) from None
        by = replace(operator("offices apply"), correlation_id=hashlib.sha256(content).hexdigest()[:36])
        keep = not options["plan"] and not faults
        outcomes = office_plans.run_all(declared, secrets, by=by, keep=keep)
        wrong = bool(faults) or any(outcome.faults for outcome in outcomes)
        self._show(outcomes, faults, as_json=options["json"], done=keep and not wrong)
        code = terminal.FAULTS if wrong else terminal.REFUSED if any(one.refusal for one in outcomes) else terminal.DONE
        if code:
            sys.exit(code)

    def _read(self, path: Path, apart: Path | None) -> tuple[bytes, Secrets, list[Fault]]:
        for one in (path, apart):
            if one is not None and not one.is_file():
                raise CommandError(f"There is no file {one}.", returncode=terminal.FAULTS)
        secrets, faults = Secrets(), list[Fault]()
        if apart is not None:
            with apart.open("rb") as file:
                secrets, faults = office_secrets.read(file)
        return path.read_bytes(), secrets, faults

    def _show(self, outcomes: list[Outcome], faults: list[Fault], *, as_json: bool, done: bool) -> None:
        if as_json:
            values = [{"faults": faults}] if faults else []
            values += [office_showing.plain(outcome, done=done) for outcome in outcomes]
            for value in values:
                self.stdout.write(json.dumps(value, ensure_ascii=False))
            return
        for fault in faults:
            self.stdout.write(office_showing.fault_words(fault))
        for outcome in outcomes:
            for line in office_showing.words(outcome, done=done):
                self.stdout.write(line)
        self.stdout.write(_("The file has been applied.") if done else _("Nothing has been written."))

    def _export(self, path: Path, names: list[str] | None) -> None:
        chosen = [terminal.office(name) for name in names] if names else list(Provider.objects.order_by("name", "pk"))
        by = operator("offices export")
        with transaction.atomic(), terminal.private(path) as file:
            for line in office_exports.lines(chosen):
                file.write(line.encode())
            for office in chosen:
                record(Verb.EXPORTED, office, by=by, provider_id=office.pk, changes={"offices": [None, "toml"]})
