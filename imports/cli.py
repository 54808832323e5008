"""Shared parts of the import commands: progress, printed plans, exit codes."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import TextIOBase
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError
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

from core.commands import EXIT_DONE, EXIT_FAULTS, EXIT_REFUSED, EXIT_STOPPED
from core.export_files import FileFormat
from imports.files import readers
from imports.plans import plan as plans
from imports.plans import rendering
from imports.plans.plan import Plan, PlanItem

_ROWS_PER_LINE = 10_000  # rows per line of progress


StartProgress = Callable[[str], plans.ProgressCallback]  # starts a phase and returns its progress callback


@contextmanager
def show_progress(stream: TextIOBase, total: Callable[[], int]) -> Iterator[StartProgress]:
    """Show progress: a bar with rate and remaining time on a terminal, otherwise a line now and then.

    Each phase has about `total` rows, which is called on a terminal only. Raises CommandError on Ctrl-C.
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
    """Rows per second."""

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


def print_plan(plan: Plan, out: TextIOBase, *, as_json: bool, applied: bool) -> None:
    """Print a plan, losses and faults included, or as JSON Lines: header, items, faults."""
    if as_json:
        _print_plan_json(plan, out, applied)
        return
    if not applied:
        for item in rendering.order_plan_items(plan):
            out.write(f"{rendering.render_title(item)}\n")
            for line in rendering.render_details(item):
                out.write(f"    {line}\n")
        for fault in plan.faults:
            place = _("Row %(row)s, column %(column)s") % fault
            out.write(f"{place}: {json.dumps(fault['value'], ensure_ascii=False)}: {fault['what']}\n")
    for line in rendering.render_totals(plan):
        out.write(f"{line}\n")


def _print_plan_json(plan: Plan, out: TextIOBase, applied: bool) -> None:
    values: list[Any] = [plan.header() | {"applied": applied, "refusal": plan.refusal}]
    for value in values:
        out.write(json.dumps(value, ensure_ascii=False) + "\n")
    for item in rendering.order_plan_items(plan):
        out.write(json.dumps(item, ensure_ascii=False) + "\n")
    for fault in plan.faults:
        out.write(json.dumps({"fault": fault}, ensure_ascii=False) + "\n")


def save_plan(plan: Plan, path: Path, applied: Iterable[PlanItem] | None) -> None:
    """Save a plan to its file; after applying, with the assigned IDs."""
    if applied is not None and plan.is_empty and path.exists():
        return  # keep the applied plan, which can be reverted
    with open_private_file(path) as out:
        plan.write(out, applied=applied)


def print_plan_and_exit(plan: Plan, out: TextIOBase, *, as_json: bool, done: bool) -> None:
    """Print a plan and exit: with 1 for faults, 2 when it is refused."""
    print_plan(plan, out, as_json=as_json, applied=done)
    if not as_json:
        out.write(_("Done.") if done else _("Nothing has been written. Add --apply to apply this plan."))
    code = EXIT_FAULTS if len(plan.faults) else EXIT_REFUSED if plan.refusal else EXIT_DONE
    if code:
        sys.exit(code)


def count_user_rows(file: IO[bytes]) -> int:
    """Return how many rows `file` has below its header, and rewind it. Raises UnreadableFile."""
    found = sum(1 for _row in readers.read_rows(file)) - 1
    file.seek(0)
    return found


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


def write_export(made: IO[bytes], path: Path) -> None:
    """Write an export to its file."""
    with made, open_private_file(path) as file:
        shutil.copyfileobj(made, file)


def open_private_file(path: Path) -> IO[bytes]:
    """Open a file for writing with permissions for its owner only."""
    with ExitStack() as stack:
        file = stack.enter_context(os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"))
        os.fchmod(file.fileno(), 0o600)
        stack.pop_all()
    return file
