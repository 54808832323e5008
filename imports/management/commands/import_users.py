from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import Provider
from audit.actors import Actor
from core.commands import EXIT_FAULTS
from imports import cli
from imports.files import readers, result_files
from imports.plans import reverts, user_plans
from imports.plans.plan import Plan, PlanItem, ProgressCallback


class Command(cli.ImportCommand):
    """Import users: plan, apply or revert. Only the plan is written without --apply."""

    help = "Plan an import of users into an office; apply it with --apply. Exit code 1: errors, 2: refused."
    what = "users"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="CSV, XLSX or JSON lines file; omit with --undo")
        parser.add_argument("--template", action="store_true", help="write an empty template, CSV or XLSX, to the file")
        parser.add_argument("--invite", action="store_true", help="allow invitations to be sent")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["template"]:
            self._write_template(options["file"])
        else:
            self.run_import([options["file"]] if options["file"] else [], options)

    def _write_template(self, path: Path | None) -> None:
        if path is None or path.suffix.lower() not in (".csv", ".xlsx"):
            message = "Give a file name that ends in .csv or .xlsx for the template."
            raise CommandError(message, returncode=EXIT_FAULTS)
        with path.open("wb") as file:
            result_files.write_template(file, cli.get_export_format(path))

    def make_plan(
        self, provider: Provider, files: list[IO[bytes]], by: Actor, options: dict[str, Any], progress: ProgressCallback
    ) -> Plan:
        return user_plans.plan_user_file(provider, files[0], by=by, invite=options["invite"], progress=progress)

    def make_revert(self, provider: Provider, items: Iterable[PlanItem], by: Actor, progress: ProgressCallback) -> Plan:
        return reverts.plan_user_revert(provider, items, by=by, progress=progress)

    def count_rows(self, files: list[IO[bytes]]) -> int:
        count = sum(1 for _row in readers.read_rows(files[0])) - 1
        files[0].seek(0)
        return count

    def write_results(self, plan: Plan, files: list[IO[bytes]]) -> None:
        path = Path(files[0].name)
        if plan.faults:
            with cli.open_private_file(path.with_name(path.name + ".fouten.csv")) as out:
                out.writelines(result_files.render_faulty_rows_csv(plan, files[0]))
        result = path.with_name(path.name + ".resultaat.csv")
        if plan.is_applied and not (plan.is_empty and result.exists()):
            with cli.open_private_file(result) as out:
                out.writelines(result_files.render_result_csv(plan.items))
