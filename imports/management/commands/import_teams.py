from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandParser

from accounts.models import Provider
from audit.actors import Actor
from imports import cli
from imports.files import team_rows
from imports.files.team_rows import NamedFiles
from imports.plans import reverts, team_plans
from imports.plans.plan import Plan, PlanItem, ProgressCallback


class Command(cli.ImportCommand):
    """Import teams: plan, apply or revert. Only the plan is written without --apply."""

    help = "Plan an import of teams, employers and rights from a workbook or CSV files; apply it with --apply."
    what = "teams"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, help="workbook or CSV files; omit with --undo")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.run_import(options["files"], options)

    def make_plan(
        self, provider: Provider, files: list[IO[bytes]], by: Actor, options: dict[str, Any], progress: ProgressCallback
    ) -> Plan:
        return team_plans.plan_team_files(provider, _name_files(files), by=by, progress=progress)

    def make_revert(self, provider: Provider, items: Iterable[PlanItem], by: Actor, progress: ProgressCallback) -> Plan:
        return reverts.plan_team_revert(provider, items, by=by, progress=progress)

    def count_rows(self, files: list[IO[bytes]]) -> int:
        return team_rows.count_team_rows(_name_files(files))


def _name_files(files: list[IO[bytes]]) -> NamedFiles:
    return [(Path(file.name).name, file) for file in files]
