"""Limits on imported files, enforced while reading, before rows are padded or stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import thread_time
from typing import TypeVar

from django.utils.translation import gettext as _

from core.sheets import MAX_CELL_CHARACTERS
from imports.files.cells import Cell, UnreadableFile

Result = TypeVar("Result")
MAX_COLUMNS = 256  # exports have a few dozen


@dataclass(frozen=True)
class FileLimits:
    """Maximum size of a file; `seconds` is CPU time spent on reading, excluding what callers do with the rows."""

    file_bytes: int
    unpacked_bytes: int  # of a workbook, and characters in its cells: a shared string counts once for each cell
    sheets: int
    rows: int  # non-empty
    cells: int  # from the reference of the last cell in each row
    xml_elements: int  # those other than cells and texts: layout, rules, links
    seconds: float


UPLOAD_LIMITS = FileLimits(5 * 2**20, 64 * 2**20, 50, 50_000, 1_000_000, 100_000, 20)
COMMAND_LIMITS = FileLimits(64 * 2**20, 512 * 2**20, 200, 100_000, 10_000_000, 2_000_000, 3600)


@dataclass
class ReadBudget:
    """What remains of `limits` while the files of one import are read."""

    limits: FileLimits
    _rows: int = 0
    _cells: int = 0
    _characters: int = 0
    _spent_seconds: float = 0.0
    _since: float | None = None

    @contextmanager
    def measure_time(self) -> Iterator[None]:
        self._since = started = thread_time()
        try:
            yield
        finally:
            self._spent_seconds += thread_time() - started
            self._since = None

    def iterate_measured(self, rows: Iterator[Result]) -> Iterator[Result]:
        """Yield from `rows`; time spent by the consumer is not counted."""
        while True:
            with self.measure_time():
                row = next(rows, None)
            if row is None:
                return
            yield row

    def check_time(self) -> None:
        """Raise UnreadableFile when reading takes too long."""
        running = 0.0 if self._since is None else thread_time() - self._since
        if self._spent_seconds + running > self.limits.seconds:
            raise UnreadableFile(_("Reading this file takes too long. Copy the rows to a new file, or split it."))

    def check_size(self, size: int) -> None:
        """Raise UnreadableFile when a file of `size` bytes is too large."""
        if size > self.limits.file_bytes:
            raise UnreadableFile(
                _("This file is larger than %(most)s MB. Split it into smaller files.")
                % {"most": self.limits.file_bytes // 2**20}
            )

    def count_cells(self, row: int, count: int) -> None:
        """Count the cells of a row, `count` being the number of its last column. Raises UnreadableFile."""
        self._cells += count
        if self._cells > self.limits.cells:
            message = _("Row %(row)s is beyond the limit of %(most)s cells. Remove empty columns, or split the file.")
            raise UnreadableFile(message % {"row": row, "most": self.limits.cells})

    def count_row(self, row: int, cells: list[Cell]) -> None:
        """Count a non-empty row and check its width and texts. Raises UnreadableFile."""
        self._rows += 1
        if self._rows > self.limits.rows:
            raise UnreadableFile(_("There are more than %(count)s rows. Split the file.") % {"count": self.limits.rows})
        if len(cells) > MAX_COLUMNS:
            raise build_too_wide_error(row, len(cells))
        longest = max(map(len, cells), default=0)
        if longest > MAX_CELL_CHARACTERS:
            message = _("Row %(row)s has a cell with %(count)s characters; the maximum is %(most)s. Shorten it.")
            raise UnreadableFile(message % {"row": row, "count": longest, "most": MAX_CELL_CHARACTERS})
        self._characters += sum(map(len, cells))
        if self._characters > self.limits.unpacked_bytes:
            message = _("Up to row %(row)s, the cells contain far more text than expected in a list. Split the file.")
            raise UnreadableFile(message % {"row": row})


def build_too_wide_error(row: int, count: int) -> UnreadableFile:
    """Return the error for a row that extends to column number `count`."""
    message = _(
        "Row %(row)s has %(count)s columns; the maximum is %(most)s. Remove unused columns, including empty formatted"
        " ones."
    )
    return UnreadableFile(message % {"row": row, "count": count, "most": MAX_COLUMNS})
