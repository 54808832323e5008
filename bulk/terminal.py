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

from accounts.exports import Form
from accounts.models import Provider
from bulk import plan as plans
from bulk import reading, showing
from bulk.plan import Item, Plan
from invitations.drafts import named

DONE, FAULTS, REFUSED, STOPPED = 0, 1, 2, 130  # exit codes
_EVERY = 10_000  # rows per line of progress


Begin = Callable[[str], plans.Progress]  # starts a phase and returns its progress callback


@contextmanager
def progress(stream: TextIOBase, total: Callable[[], int]) -> Iterator[Begin]:
    """Show progress: a bar with rate and remaining time on a terminal, otherwise a line now and then.

    Each phase has about `total` rows, which is called on a terminal only. Raises CommandError on Ctrl-C.
    """
    try:
        if not stream.isatty():
            yield lambda title: _Counter(title, stream).add
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bars:
            size = total()
            yield lambda title: partial(bars.advance, bars.add_task(title, total=size))
            for task in bars.task_ids:  # unchanged rows were not counted
                bars.update(task, completed=size)
    except KeyboardInterrupt:
        message = _("Interrupted. Either everything or nothing was applied; create the plan again to see which.")
        raise CommandError(message, returncode=STOPPED) from None


class _Rate(ProgressColumn):
    """Rows per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f}/s")


class _Counter:
    def __init__(self, title: str, stream: TextIOBase) -> None:
        self._title, self._stream, self._count, self._next = title, stream, 0, _EVERY

    def add(self, count: int) -> None:
        self._count += count
        if self._count >= self._next:
            self._stream.write(f"{self._title}: {self._count}\n")
            self._next = self._count - self._count % _EVERY + _EVERY


def show(plan: Plan, out: TextIOBase, *, as_json: bool, applied: bool) -> None:
    """Print a plan, losses and faults included, or as JSON Lines: header, items, faults."""
    if as_json:
        _show_json(plan, out, applied)
        return
    if not applied:
        for item in showing.in_order(plan):
            out.write(f"{showing.title(item)}\n")
            for line in showing.details(item):
                out.write(f"    {line}\n")
        for fault in plan.faults:
            place = _("Row %(row)s, column %(column)s") % fault
            out.write(f"{place}: {json.dumps(fault['value'], ensure_ascii=False)}: {fault['what']}\n")
    for line in showing.totals(plan):
        out.write(f"{line}\n")


def _show_json(plan: Plan, out: TextIOBase, applied: bool) -> None:
    values: list[Any] = [plan.header() | {"applied": applied, "refusal": plan.refusal}]
    for value in values:
        out.write(json.dumps(value, ensure_ascii=False) + "\n")
    for item in showing.in_order(plan):
        out.write(json.dumps(item, ensure_ascii=False) + "\n")
    for fault in plan.faults:
        out.write(json.dumps({"fault": fault}, ensure_ascii=False) + "\n")


def keep(plan: Plan, path: Path, applied: Iterable[Item] | None) -> None:
    """Save a plan to its file; after applying, with the assigned IDs."""
    if applied is not None and plan.is_empty and path.exists():
        return  # keep the applied plan, which can be reverted
    with private(path) as out:
        plan.write(out, applied=applied)


def end(plan: Plan, out: TextIOBase, *, as_json: bool, done: bool) -> None:
    """Print a plan and exit: with 1 for faults, 2 when it is refused."""
    show(plan, out, as_json=as_json, applied=done)
    if not as_json:
        out.write(_("Done.") if done else _("Nothing has been written. Add --apply to apply this plan."))
    code = FAULTS if len(plan.faults) else REFUSED if plan.refusal else DONE
    if code:
        sys.exit(code)


def count(file: IO[bytes]) -> int:
    """Return how many rows `file` has below its header, and rewind it. Raises Unreadable."""
    found = sum(1 for _row in reading.rows(file)) - 1
    file.seek(0)
    return found


def office(text: str) -> Provider:
    """Return the office with this ID or name. Raises CommandError when there is none, or more than one."""
    id = named(text)
    found = list(Provider.objects.filter(pk=id) if id else Provider.objects.filter(name=text)[:2])
    if len(found) != 1:
        message = f"There is {'no' if not found else 'more than one'} office {text}."
        raise CommandError(message, returncode=FAULTS)
    return found[0]


def form_of(path: Path) -> Form:
    """Return the export format of a file name extension. Raises CommandError when it is unknown."""
    try:
        return Form(path.suffix.lower().lstrip("."))
    except ValueError:
        raise CommandError("The name of the file ends with .csv, .xlsx or .jsonl.", returncode=FAULTS) from None


def copy(made: IO[bytes], path: Path) -> None:
    """Write an export to its file."""
    with made, private(path) as file:
        shutil.copyfileobj(made, file)


def private(path: Path) -> IO[bytes]:
    """Open a file for writing with permissions for its owner only."""
    with ExitStack() as stack:
        file = stack.enter_context(os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"))
        os.fchmod(file.fileno(), 0o600)
        stack.pop_all()
    return file
