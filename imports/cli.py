"""What the import commands share: planning, applying and reverting, progress, printed plans, exit codes."""

import json
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import TextIOBase
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from accounts.commands import get_office
from accounts.models import Provider
from audit.actors import Actor, build_operator
from core.commands import EXIT_DONE, EXIT_FAULTS, EXIT_REFUSED, EXIT_STOPPED, LocalizedCommand
from core.export_files import FileFormat
from imports.files.cells import UnreadableFile
from imports.plans import rendering
from imports.plans.plan import (
    Plan,
    PlanItem,
    PlanRefused,
    ProgressCallback,
    plan_and_apply,
    read_plan_header,
    read_plan_items,
)

_ROWS_PER_LINE = 10_000  # rows per line of progress


StartProgress = Callable[[str], ProgressCallback]  # starts a phase and returns its progress callback


@contextmanager
def show_progress(stream: TextIOBase, total: Callable[[], int]) -> Iterator[StartProgress]:
    """Show progress: a bar with rate and remaining time on a terminal, otherwise a line now and then.

    `total` returns the approximate number of rows of a phase and is called only on a terminal. Raises CommandError on
    Ctrl-C.
    """
    try:
        if not stream.isatty():
            yield lambda title: _LineProgress(title, stream).add
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bars:
            size = total()
            yield lambda title: partial(bars.advance, bars.add_task(title, total=size))
            for task in bars.task_ids:  # unchanged rows were not counted
                bars.update(task, completed=size)
    except KeyboardInterrupt:
        message = _("Interrupted. Either everything or nothing was applied; create the plan again to see which.")
        raise CommandError(message, returncode=EXIT_STOPPED) from None


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f}/s")


class _LineProgress:
    def __init__(self, title: str, stream: TextIOBase) -> None:
        self._title, self._stream, self._count, self._next_count = title, stream, 0, _ROWS_PER_LINE

    def add(self, count: int) -> None:
        self._count += count
        if self._count >= self._next_count:
            self._stream.write(f"{self._title}: {self._count}\n")
            self._next_count = self._count - self._count % _ROWS_PER_LINE + _ROWS_PER_LINE


class ImportCommand(LocalizedCommand, ABC):
    """Plan, apply or revert an import. Only the plan is written without --apply."""

    what: str  # what the command imports, as in its plans

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", default="", help="office ID or name")
        parser.add_argument("--apply", action="store_true", help="apply the plan in one transaction")
        parser.add_argument("--plan-file", type=Path, help="file to store the plan in; --apply applies only that plan")
        parser.add_argument("--undo", action="store_true", help="undo the applied plan in --plan-file")
        parser.add_argument("--json", action="store_true", help="output JSON lines")
        super().add_arguments(parser)

    @abstractmethod
    def make_plan(
        self, provider: Provider, files: list[IO[bytes]], by: Actor, options: dict[str, Any], progress: ProgressCallback
    ) -> Plan: ...

    @abstractmethod
    def make_revert(self, provider: Provider, items: Iterable[PlanItem], by: Actor, progress: ProgressCallback) -> Plan:
        """Return the plan that reverts the items of an applied plan."""

    @abstractmethod
    def count_rows(self, files: list[IO[bytes]]) -> int:
        """Return how many rows the files have below their headers, and rewind them. Raises UnreadableFile."""

    def write_results(self, plan: Plan, files: list[IO[bytes]]) -> None:
        """Write other files than the plan; none by default."""

    def run_import(self, paths: list[Path], options: dict[str, Any]) -> None:
        """Exit with 1 for faults, 2 when the plan is refused."""
        if not options["provider"]:
            raise CommandError("Give the office with --provider.", returncode=EXIT_FAULTS)
        provider = get_office(options["provider"])
        if options["undo"] and options["plan_file"] is None:
            raise CommandError("Give the applied plan with --plan-file.", returncode=EXIT_FAULTS)
        try:
            if options["undo"]:
                plan = self._revert(provider, options)
            else:
                require_files(*paths)
                plan = self._plan_or_apply(provider, paths, options)
        except UnreadableFile as error:
            raise CommandError(str(error), returncode=EXIT_FAULTS) from None
        except PlanRefused as error:
            raise CommandError(str(error), returncode=EXIT_REFUSED) from None
        self._print_plan(plan, as_json=options["json"])
        if not options["json"]:
            self.stdout.write(_get_closing_line(plan, is_applying=options["apply"]))
        code = EXIT_FAULTS if plan.faults else EXIT_REFUSED if plan.refusal else EXIT_DONE
        if code:
            sys.exit(code)

    def _plan_or_apply(self, provider: Provider, paths: list[Path], options: dict[str, Any]) -> Plan:
        by, plan_path = build_operator(f"import_{self.what}"), options["plan_file"]
        with ExitStack() as stack:
            files: list[IO[bytes]] = [stack.enter_context(path.open("rb")) for path in paths]
            begin = stack.enter_context(show_progress(self.stderr, lambda: self.count_rows(files)))
            digest = None
            if options["apply"] and plan_path:
                digest = read_plan_header(plan_path, provider.pk, self.what)["digest"]
            planning = begin(_("Planned"))
            if options["apply"]:
                plan = plan_and_apply(
                    provider,
                    lambda provider: self.make_plan(provider, files, by, options, planning),
                    by=by,
                    digest=digest,
                    progress=begin(_("Applied")),
                )
            else:
                plan = self.make_plan(provider, files, by, options, planning)
            plan_path = plan_path or paths[0].with_name(paths[0].name + ".plan.jsonl")
            if not (plan.is_applied and plan.is_empty and plan_path.exists()):  # else keep the plan to revert
                with open_private_file(plan_path) as out:
                    plan.write(out)
            self.write_results(plan, files)
        return plan

    def _revert(self, provider: Provider, options: dict[str, Any]) -> Plan:
        by, path = build_operator(f"import_{self.what} --undo"), options["plan_file"]
        if not read_plan_header(path, provider.pk, self.what).get("applied"):
            raise PlanRefused(_("This plan has not been applied."))
        with show_progress(self.stderr, lambda: sum(1 for _item in read_plan_items(path))) as begin:
            planning = begin(_("Planned"))
            if options["apply"]:
                return plan_and_apply(
                    provider,
                    lambda provider: self.make_revert(provider, read_plan_items(path), by, planning),
                    by=by,
                    progress=begin(_("Applied")),
                )
            return self.make_revert(provider, read_plan_items(path), by, planning)

    def _print_plan(self, plan: Plan, *, as_json: bool) -> None:
        """Print a plan, losses first and faults included, or as JSON Lines: header, items, faults."""
        if as_json:
            values: list[Any] = [plan.header() | {"applied": plan.is_applied, "refusal": plan.refusal}]
            values += [*rendering.order_plan_items(plan), *({"fault": fault} for fault in plan.faults)]
            for value in values:
                self.stdout.write(json.dumps(value, ensure_ascii=False))
            return
        if not plan.is_applied:
            for item in rendering.order_plan_items(plan):
                self.stdout.write(rendering.render_title(item))
                for line in rendering.render_details(item):
                    self.stdout.write(f"    {line}")
            for group in rendering.group_faults(plan.faults):
                self.stdout.write(rendering.render_fault_group(group))
        for line in rendering.render_totals(plan):
            self.stdout.write(line)


def _get_closing_line(plan: Plan, *, is_applying: bool) -> str:
    if plan.is_applied:
        return _("Done.")
    if is_applying:
        return _("Nothing has been written.")
    if plan.faults:
        return _("Nothing has been written. Correct the errors first.")
    if plan.is_empty:
        return _("Nothing has been written: everything is already up to date.")
    return _("Nothing has been written. Add --apply to apply this plan.")


def require_files(*paths: Path) -> None:
    """Raise CommandError when a file does not exist, or without any path."""
    if not paths:
        raise CommandError("Give the file to import.", returncode=EXIT_FAULTS)
    for path in paths:
        if not path.is_file():
            raise CommandError(f"There is no file {path}. Check the path.", returncode=EXIT_FAULTS)


def get_export_format(path: Path) -> FileFormat:
    """Return the export format of a file name extension. Raises CommandError when it is unknown."""
    try:
        return FileFormat(path.suffix.lower().lstrip("."))
    except ValueError:
        raise CommandError("Give a file name that ends in .csv, .xlsx or .jsonl.", returncode=EXIT_FAULTS) from None


def write_export(source: IO[bytes], path: Path) -> None:
    with source, open_private_file(path) as file:
        shutil.copyfileobj(source, file)


def open_private_file(path: Path) -> IO[bytes]:
    """Open a file for writing with permissions for its owner only."""
    with ExitStack() as stack:
        file = stack.enter_context(os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"))
        os.fchmod(file.fileno(), 0o600)
        stack.pop_all()
    return file
