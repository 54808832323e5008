"""Scan the parts of a workbook as streams before openpyxl reads them."""

import re
from typing import IO, Any
from xml.parsers import expat
from zipfile import ZipFile, ZipInfo

from django.utils.translation import gettext as _
from openpyxl.utils import column_index_from_string
from openpyxl.xml.constants import SHEET_MAIN_NS

from bulk.budget import MAX_COLUMNS, Budget, too_wide
from bulk.cells import Unreadable

_TIMES = 100  # compression ratio; 10 to 30 in real sheets
_SMALL = 2**20  # bytes; too small to be a ZIP bomb at any ratio
_KEPT_WHOLE = 64 * 2**20  # bytes of texts and styles, which openpyxl keeps in memory
_PARTS = 2000
_CHUNK = 2**16
_ROW, _CELL, _TEXT, _SHEET = (f"{SHEET_MAIN_NS} {name}" for name in ("row", "c", "si", "sheet"))
_MERGED = f"{SHEET_MAIN_NS} mergeCell"
_LIGHT = {f"{SHEET_MAIN_NS} {name}" for name in ("v", "f", "is", "t")}
_COLUMN = re.compile("[A-Z]{1,3}")


class WatchedFile:
    """A file that cannot be read after time is up."""

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self._file, self._budget = file, budget
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read like the wrapped file. Raises Unreadable."""
        self._budget.check_time()
        return self._file.read(size)


class CheckedZip(ZipFile):
    """ZIP file that scans each part before opening it for the first time. Raises Unreadable."""

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        super().__init__(WatchedFile(file, budget))
        self._budget, self._scanned = budget, set[str]()
        self._require_sane_sizes()

    def _require_sane_sizes(self) -> None:
        """Refuse a workbook that is too large unpacked.

        The declared sizes can be trusted: a part is never unpacked beyond its declared size.
        """
        parts = self.infolist()
        total, size = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
        is_bomb = total > max(_SMALL, size * _TIMES) or total > self._budget.limits.unpacked
        if len(parts) > _PARTS or is_bomb or any(map(_is_too_large, parts)):
            raise Unreadable(
                _("This workbook expands to far more data than its size suggests. Copy the rows to a new one.")
            )
        if "xl/workbook.xml" not in {part.filename for part in parts}:
            raise Unreadable(_("This is not an XLSX file. Save it as XLSX or as CSV UTF-8."))

    def open(self, name: Any, mode: Any = "r", pwd: bytes | None = None, *, force_zip64: bool = False) -> IO[bytes]:
        """Open a part after scanning it. Raises Unreadable."""
        key = name.filename if isinstance(name, ZipInfo) else name
        if key not in self._scanned:
            with super().open(name) as part:
                _Scan(self._budget).read(part)
            self._scanned.add(key)
        return super().open(name, mode, pwd, force_zip64=force_zip64)


def _is_too_large(part: ZipInfo) -> bool:
    return not part.filename.startswith("xl/worksheets/sheet") and part.file_size > _KEPT_WHOLE


class _Scan:
    """Counts the contents of an XML part by cell references, storing nothing."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._limits = budget, budget.limits
        self._row = self._column = self._widest = 0
        self._texts = self._others = self._sheets = 0

    def read(self, part: IO[bytes]) -> None:
        """Scan all of `part`. Raises Unreadable, and ExpatError when it is not XML."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        while chunk := part.read(_CHUNK):
            self._budget.check_time()
            parser.Parse(chunk)
        parser.Parse(b"", True)
        self._end_row()

    def _refuse_doctype(self, *_args: Any) -> None:
        raise Unreadable(_("This workbook is damaged or is not an XLSX file. Save it again as XLSX."))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _CELL:
            self._cell(attributes.get("r"))
        elif name == _ROW:
            self._start_row(attributes.get("r"))
        elif name not in _LIGHT:
            self._count(name, attributes)

    def _start_row(self, reference: str | None) -> None:
        self._end_row()
        number = self._row + 1 if reference is None else int(reference)
        if number <= self._row:
            raise ValueError("the rows of a sheet are not in order")
        self._row, self._column, self._widest = number, 0, 0

    def _end_row(self) -> None:
        self._budget.take_cells(self._row, self._widest)

    def _cell(self, reference: str | None) -> None:
        if reference is None:
            self._column += 1
        else:
            letters = _COLUMN.match(reference.lstrip("$"))
            self._column = column_index_from_string(letters[0]) if letters else MAX_COLUMNS + 1
        self._widest = max(self._widest, self._column)
        if self._widest > MAX_COLUMNS:
            raise too_wide(self._row, self._widest)

    def _count(self, name: str, attributes: dict[str, str]) -> None:
        """Count an element other than a row or cell; each costs openpyxl much more than a cell."""
        if name == _MERGED:
            message = _("The cells %(cells)s are merged. Unmerge them and give each its own value.")
            raise Unreadable(message % {"cells": attributes.get("ref", "")[:30]})
        if name == _TEXT:
            self._texts += 1
        elif name == _SHEET:
            self._sheets += 1
        else:
            self._others += 1
        if self._sheets > self._limits.sheets:
            message = _("This workbook has more than %(most)s sheets. Copy the ones you need to a new workbook.")
            raise Unreadable(message % {"most": self._limits.sheets})
        if self._texts > self._limits.cells or self._others > self._limits.elements:
            raise Unreadable(_("This workbook contains far more data than a list. Copy the rows to a new one."))
