from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.commands import get_office
from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actors import build_operator
from core.commands import EXIT_FAULTS, EXIT_REFUSED, LocalizedCommand
from imports import cli
from imports.execute import apply_users
from imports.files import team_rows
from imports.files.cells import UnreadableFile
from imports.plans import revert_teams, team_plans
from imports.plans.plan import Plan, PlanItem, PlanRefused, read_plan_header, read_plan_items


class Command(LocalizedCommand):
    """Import teams: plan, apply or revert. Only the plan is written without --apply."""

    help = "Plan an import of teams, employers and rights from a workbook or CSV files; apply it with --apply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, help="workbook or CSV files; omit with --undo")
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--apply", action="store_true", help="apply the plan in one transaction")
        parser.add_argument("--plan-file", type=Path, help="file to store the plan in; --apply applies only that plan")
        parser.add_argument("--undo", action="store_true", help="undo the applied plan in --plan-file")
        parser.add_argument("--json", action="store_true", help="output JSON lines")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 for faults, 2 when the plan is refused."""
        provider, files, kept = get_office(options["provider"]), options["files"], options["plan_file"]
        if options["undo"] and kept is None:
            raise CommandError("Give the applied plan with --plan-file.", returncode=EXIT_FAULTS)
        if not options["undo"]:
            cli.require_files(*files)
        try:
            plan, done = (
                self._revert(provider, options) if options["undo"] else self._plan_or_apply(provider, files, options)
            )
        except UnreadableFile as error:
            raise CommandError(str(error), returncode=EXIT_FAULTS) from None
        except PlanRefused as error:
            raise CommandError(str(error), returncode=EXIT_REFUSED) from None
        cli.print_plan_and_exit(plan, self.stdout, as_json=options["json"], done=done)

    def _plan_or_apply(self, provider: Provider, paths: list[Path], options: dict[str, Any]) -> tuple[Plan, bool]:
        by = build_operator("import_teams")
        applied: Iterable[PlanItem] | None = None
        kept: Path = options["plan_file"] or paths[0].with_name(paths[0].name + ".plan.jsonl")
        with ExitStack() as stack:
            files = [(path.name, stack.enter_context(path.open("rb"))) for path in paths]
            begin = stack.enter_context(cli.show_progress(self.stderr, lambda: team_rows.count_team_rows(files)))
            if options["apply"]:
                digest = read_plan_header(kept, provider.pk, "teams")["digest"] if options["plan_file"] else None
                planning, doing = begin(_("Planned")), begin(_("Applied"))
                plan, done = team_plans.apply_team_files(
                    provider, files, by=by, digest=digest, planning=planning, progress=doing
                )
                applied = None if len(plan.faults) else done
            else:
                plan = team_plans.plan_team_files(provider, files, by=by, progress=begin(_("Planned")))
        cli.save_plan(plan, kept, applied)
        return plan, applied is not None

    def _revert(self, provider: Provider, options: dict[str, Any]) -> tuple[Plan, bool]:
        by, kept = build_operator("import_teams --undo"), options["plan_file"]
        if not read_plan_header(kept, provider.pk, "teams").get("applied"):
            raise PlanRefused(_("This plan has not been applied."))
        with (
            cli.show_progress(self.stderr, lambda: sum(1 for _item in read_plan_items(kept))) as begin,
            transaction.atomic(),
        ):
            provider = lock_provider(provider.pk)
            plan = revert_teams.plan_team_revert(provider, read_plan_items(kept), by=by, progress=begin(_("Planned")))
            done = bool(options["apply"]) and not len(plan.faults)
            if done:
                apply_users.check_plan(plan, None)
                team_plans.apply_team_plan(provider, plan, by=by, progress=begin(_("Applied")))
        return plan, done
