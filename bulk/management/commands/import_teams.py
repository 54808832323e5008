from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actors import operator
from bulk import applying, team_files, team_plans, team_undoing, terminal
from bulk.cells import Unreadable
from bulk.plan import Item, Plan, Refused, read_header, read_items


class Command(BaseCommand):
    """Import teams: plan, apply or revert. Only the plan is written without --apply."""

    help = "Plan an import of teams, employers and rights from a workbook or CSV files; apply it with --apply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, help="workbook or CSV files; omit with --undo")
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--apply", action="store_true", help="apply the plan in one transaction")
        parser.add_argument("--plan-file", type=Path, help="file to store the plan in; --apply applies only that plan")
        parser.add_argument("--undo", action="store_true", help="undo the applied plan in --plan-file")
        parser.add_argument("--json", action="store_true", help="output JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 for faults, 2 when the plan is refused."""
        provider, files, kept = terminal.office(options["provider"]), options["files"], options["plan_file"]
        if options["undo"] and kept is None:
            raise CommandError("Name the applied plan with --plan-file.", returncode=terminal.FAULTS)
        missing = [path for path in files if not path.is_file()]
        if not options["undo"] and (missing or not files):
            raise CommandError(f"There is no file {missing[0] if missing else ''}.", returncode=terminal.FAULTS)
        try:
            plan, done = self._undo(provider, options) if options["undo"] else self._run(provider, files, options)
        except Unreadable as error:
            raise CommandError(str(error), returncode=terminal.FAULTS) from None
        except Refused as error:
            raise CommandError(str(error), returncode=terminal.REFUSED) from None
        terminal.end(plan, self.stdout, as_json=options["json"], done=done)

    def _run(self, provider: Provider, paths: list[Path], options: dict[str, Any]) -> tuple[Plan, bool]:
        by = operator("import_teams")
        applied: Iterable[Item] | None = None
        kept: Path = options["plan_file"] or paths[0].with_name(paths[0].name + ".plan.jsonl")
        with ExitStack() as stack:
            files = [(path.name, stack.enter_context(path.open("rb"))) for path in paths]
            begin = stack.enter_context(terminal.progress(self.stderr, lambda: team_files.count(files)))
            if options["apply"]:
                digest = read_header(kept, provider.pk, "teams")["digest"] if options["plan_file"] else None
                planning, doing = begin(_("Planned")), begin(_("Applied"))
                plan, done = team_plans.apply(provider, files, by=by, digest=digest, planning=planning, progress=doing)
                applied = None if len(plan.faults) else done
            else:
                plan = team_plans.plan(provider, files, by=by, progress=begin(_("Planned")))
        terminal.keep(plan, kept, applied)
        return plan, applied is not None

    def _undo(self, provider: Provider, options: dict[str, Any]) -> tuple[Plan, bool]:
        by, kept = operator("import_teams --undo"), options["plan_file"]
        if not read_header(kept, provider.pk, "teams").get("applied"):
            raise Refused(_("This plan has not been applied."))
        with (
            terminal.progress(self.stderr, lambda: sum(1 for _item in read_items(kept))) as begin,
            transaction.atomic(),
        ):
            provider = lock_provider(provider.pk)
            plan = team_undoing.plan_undo(provider, read_items(kept), by=by, progress=begin(_("Planned")))
            done = bool(options["apply"]) and not len(plan.faults)
            if done:
                applying.check(plan, None)
                team_plans.run(provider, plan, by=by, progress=begin(_("Applied")))
        return plan, done
