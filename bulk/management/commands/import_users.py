from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actors import operator
from bulk import applying, people_plans, results, terminal, undoing
from bulk.cells import Unreadable
from bulk.plan import Item, Refused, read_header, read_items


class Command(BaseCommand):
    """Import users: plan, apply or revert. Only the plan is written without --apply."""

    help = "Plan an import of users into an office; apply it with --apply. Exit code 1: errors, 2: denied."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="CSV, XLSX or JSON lines file; omit with --undo")
        parser.add_argument("--provider", default="", help="office ID or name")
        parser.add_argument("--template", action="store_true", help="write an empty template workbook to the file")
        parser.add_argument("--apply", action="store_true", help="apply the plan in one transaction")
        parser.add_argument("--plan-file", type=Path, help="file to store the plan in; --apply applies only that plan")
        parser.add_argument("--invite", action="store_true", help="allow invitations to be sent")
        parser.add_argument("--undo", action="store_true", help="undo the applied plan in --plan-file")
        parser.add_argument("--json", action="store_true", help="output JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 for faults, 2 when the plan is refused."""
        if options["template"] and options["file"]:
            with options["file"].open("wb") as file:
                results.write_template(file)
            return
        provider, by = terminal.office(options["provider"]), operator("import_users")
        if options["undo"]:
            self._undo(provider, options)
            return
        path: Path | None = options["file"]
        if path is None or not path.is_file():
            raise CommandError(f"There is no file {path}.", returncode=terminal.FAULTS)
        kept: Path = options["plan_file"] or path.with_name(path.name + ".plan.jsonl")
        with path.open("rb") as file:
            try:
                self._run(provider, file, kept, by, options)
            except Unreadable as error:
                raise CommandError(str(error), returncode=terminal.FAULTS) from None
            except Refused as error:
                raise CommandError(str(error), returncode=terminal.REFUSED) from None

    def _run(self, provider: Provider, file: IO[bytes], kept: Path, by: Any, options: dict[str, Any]) -> None:
        applied: Iterable[Item] | None = None
        with terminal.progress(self.stderr, lambda: terminal.count(file)) as begin:
            if options["apply"]:
                digest = read_header(kept, provider.pk, "users")["digest"] if options["plan_file"] else None
                plan, done = applying.apply_file(
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
                plan = people_plans.plan(provider, file, by=by, invite=options["invite"], progress=begin(_("Planned")))
        terminal.keep(plan, kept, applied)
        path = Path(file.name)
        if len(plan.faults):
            with terminal.private(path.with_name(path.name + ".fouten.csv")) as out:
                out.writelines(results.faulty_lines(plan, file))
        result = path.with_name(path.name + ".resultaat.csv")
        if applied is not None and not (plan.is_empty and result.exists()):
            with terminal.private(result) as out:
                out.writelines(results.result_lines(applied))
        terminal.end(plan, self.stdout, as_json=options["json"], done=applied is not None)

    def _undo(self, provider: Provider, options: dict[str, Any]) -> None:
        kept: Path | None = options["plan_file"]
        if kept is None:
            raise CommandError("Name the applied plan with --plan-file.", returncode=terminal.FAULTS)
        by = operator("import_users --undo")
        try:
            if not read_header(kept, provider.pk, "users").get("applied"):
                raise Refused(_("This plan has not been applied."))
            with (
                terminal.progress(self.stderr, lambda: sum(1 for _item in read_items(kept))) as begin,
                transaction.atomic(),
            ):
                lock_provider(provider.pk)
                plan = undoing.plan_undo(provider, read_items(kept), by=by, progress=begin(_("Planned")))
                if options["apply"] and not len(plan.faults):
                    applying.check(plan, None)
                    applying.apply_items(provider, plan, by=by, progress=begin(_("Applied")))
        except Refused as error:
            raise CommandError(str(error), returncode=terminal.REFUSED) from None
        done = options["apply"] and not len(plan.faults)
        terminal.end(plan, self.stdout, as_json=options["json"], done=done)
