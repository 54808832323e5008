from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

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
from imports.files import result_files
from imports.files.cells import UnreadableFile
from imports.plans import revert_users, user_plans
from imports.plans.plan import PlanItem, PlanRefused, read_plan_header, read_plan_items


class Command(LocalizedCommand):
    """Import users: plan, apply or revert. Only the plan is written without --apply."""

    help = "Plan an import of users into an office; apply it with --apply. Exit code 1: errors, 2: refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="CSV, XLSX or JSON lines file; omit with --undo")
        parser.add_argument("--provider", default="", help="office ID or name")
        parser.add_argument("--template", action="store_true", help="write an empty template workbook to the file")
        parser.add_argument("--apply", action="store_true", help="apply the plan in one transaction")
        parser.add_argument("--plan-file", type=Path, help="file to store the plan in; --apply applies only that plan")
        parser.add_argument("--invite", action="store_true", help="allow invitations to be sent")
        parser.add_argument("--undo", action="store_true", help="undo the applied plan in --plan-file")
        parser.add_argument("--json", action="store_true", help="output JSON lines")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 for faults, 2 when the plan is refused."""
        if options["template"] and options["file"]:
            with options["file"].open("wb") as file:
                result_files.write_template(file)
            return
        if not options["provider"]:
            raise CommandError("Give the office with --provider.", returncode=EXIT_FAULTS)
        provider, by = get_office(options["provider"]), build_operator("import_users")
        if options["undo"]:
            self._revert(provider, options)
            return
        cli.require_files(*filter(None, [options["file"]]))
        path: Path = options["file"]
        kept: Path = options["plan_file"] or path.with_name(path.name + ".plan.jsonl")
        with path.open("rb") as file:
            try:
                self._plan_or_apply(provider, file, kept, by, options)
            except UnreadableFile as error:
                raise CommandError(str(error), returncode=EXIT_FAULTS) from None
            except PlanRefused as error:
                raise CommandError(str(error), returncode=EXIT_REFUSED) from None

    def _plan_or_apply(self, provider: Provider, file: IO[bytes], kept: Path, by: Any, options: dict[str, Any]) -> None:
        applied: Iterable[PlanItem] | None = None
        with cli.show_progress(self.stderr, lambda: cli.count_user_rows(file)) as begin:
            if options["apply"]:
                digest = read_plan_header(kept, provider.pk, "users")["digest"] if options["plan_file"] else None
                plan, done = apply_users.apply_user_file(
                    provider,
                    file,
                    by=by,
                    invite=options["invite"],
                    digest=digest,
                    planning=begin(_("Planned")),
                    progress=begin(_("Applied")),
                )
                applied = None if len(plan.faults) else done
            else:
                plan = user_plans.plan_user_file(
                    provider, file, by=by, invite=options["invite"], progress=begin(_("Planned"))
                )
        cli.save_plan(plan, kept, applied)
        path = Path(file.name)
        if len(plan.faults):
            with cli.open_private_file(path.with_name(path.name + ".fouten.csv")) as out:
                out.writelines(result_files.render_faulty_rows_csv(plan, file))
        result = path.with_name(path.name + ".resultaat.csv")
        if applied is not None and not (plan.is_empty and result.exists()):
            with cli.open_private_file(result) as out:
                out.writelines(result_files.render_result_csv(applied))
        cli.print_plan_and_exit(plan, self.stdout, as_json=options["json"], done=applied is not None)

    def _revert(self, provider: Provider, options: dict[str, Any]) -> None:
        kept: Path | None = options["plan_file"]
        if kept is None:
            raise CommandError("Give the applied plan with --plan-file.", returncode=EXIT_FAULTS)
        by = build_operator("import_users --undo")
        try:
            if not read_plan_header(kept, provider.pk, "users").get("applied"):
                raise PlanRefused(_("This plan has not been applied."))
            with (
                cli.show_progress(self.stderr, lambda: sum(1 for _item in read_plan_items(kept))) as begin,
                transaction.atomic(),
            ):
                lock_provider(provider.pk)
                plan = revert_users.plan_user_revert(
                    provider, read_plan_items(kept), by=by, progress=begin(_("Planned"))
                )
                if options["apply"] and not len(plan.faults):
                    apply_users.check_plan(plan, None)
                    apply_users.apply_user_plan(provider, plan, by=by, progress=begin(_("Applied")))
        except PlanRefused as error:
            raise CommandError(str(error), returncode=EXIT_REFUSED) from None
        done = options["apply"] and not len(plan.faults)
        cli.print_plan_and_exit(plan, self.stdout, as_json=options["json"], done=done)
