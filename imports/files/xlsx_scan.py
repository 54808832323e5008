"""Scan the parts of a workbook as streams before openpyxl reads them."""

import re
from typing import IO, Any, cast
from xml.parsers import expat
from zipfile import ZipFile, ZipInfo

from django.utils.translation import gettext as _
from openpyxl.utils import column_index_from_string
from openpyxl.xml.constants import ARC_CONTENT_TYPES, DRAWING_NS, REL_NS, SHEET_MAIN_NS

from imports.files.budget import MAX_COLUMNS, ReadBudget, build_too_wide_error
from imports.files.cells import UnreadableFile

_MAX_COMPRESSION_RATIO = 100  # compression ratio; 10 to 30 in real sheets
_SMALL_BYTES = 2**20  # bytes; too small to be a ZIP bomb at any ratio
_MAX_IN_MEMORY_PART_BYTES = 64 * 2**20  # bytes of texts and styles, which openpyxl keeps in memory
_MAX_PARTS = 2000
_CHUNK_BYTES = 2**16
_ROW_TAG, _CELL_TAG, _TEXT_TAG, _SHEET_TAG = (f"{SHEET_MAIN_NS} {name}" for name in ("row", "c", "si", "sheet"))
_MERGED_CELL_TAG = f"{SHEET_MAIN_NS} mergeCell"
_CELL_CONTENT_TAGS = {f"{SHEET_MAIN_NS} {name}" for name in ("v", "f", "is", "t")}
_WORKBOOK_TYPES = (b"spreadsheetml.sheet.main+xml", b"spreadsheetml.template.main+xml",
                   b"sheet.macroEnabled.main+xml", b"template.macroEnabled.main+xml")  # fmt: skip
_BINARY_WORKBOOK_TYPE = b"sheet.binary.macroEnabled.main"
# Namespaces of Strict Open XML, which openpyxl does not know, and their transitional forms (ISO/IEC 29500-1 and -4).
_TRANSITIONAL_NAMESPACES = {
    b"http://purl.oclc.org/ooxml/spreadsheetml/main": SHEET_MAIN_NS.encode(),
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": REL_NS.encode(),
    b"http://purl.oclc.org/ooxml/drawingml/main": DRAWING_NS.encode(),
}
_STRICT_NAMESPACE = re.compile(b"|".join(map(re.escape, _TRANSITIONAL_NAMESPACES)))
_LONGEST_NAMESPACE = max(map(len, _TRANSITIONAL_NAMESPACES))
_CELL_START = re.compile(rb"<(?:\w{1,20}:)?c[\s/>]")
_MAX_TAG_BYTES = 30  # of the start of a cell
_COLUMN_LETTERS = re.compile("[A-Z]{1,3}")


class TimeLimitedFile:
    """A file that cannot be read after time is up."""

    def __init__(self, file: IO[bytes], budget: ReadBudget) -> None:
        self._file, self._budget = file, budget
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        self._budget.check_time()
        return self._file.read(size)


class ScannedZipFile(ZipFile):
    """ZIP file that scans each part before opening it for the first time. Raises UnreadableFile."""

    def __init__(self, file: IO[bytes], budget: ReadBudget) -> None:
        super().__init__(TimeLimitedFile(file, budget))
        self._budget, self._scanned = budget, set[str]()
        self._require_sane_sizes()

    def _require_sane_sizes(self) -> None:
        """Refuse a workbook that is too large unpacked.

        The declared sizes can be trusted: a part is never unpacked beyond its declared size.
        """
        parts = self.infolist()
        total, size = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
        is_bomb = total > max(_SMALL_BYTES, size * _MAX_COMPRESSION_RATIO) or total > self._budget.limits.unpacked_bytes
        if len(parts) > _MAX_PARTS or is_bomb or any(map(_exceeds_part_limit, parts)):
            raise UnreadableFile(
                _("This workbook expands to far more data than its size suggests. Copy the rows to a new one.")
            )
        types = self.read(ARC_CONTENT_TYPES) if ARC_CONTENT_TYPES in self.NameToInfo else b""
        if _BINARY_WORKBOOK_TYPE in types:
            raise UnreadableFile(_("This is a binary workbook (XLSB). Save it as XLSX or as CSV UTF-8."))
        if not any(kind in types for kind in _WORKBOOK_TYPES):
            raise UnreadableFile(_("This is not an XLSX file. Save it as XLSX or as CSV UTF-8."))

    def open(self, name: Any, mode: Any = "r", pwd: bytes | None = None, *, force_zip64: bool = False) -> IO[bytes]:
        """Open a part after scanning it. Raises UnreadableFile."""
        key = name.filename if isinstance(name, ZipInfo) else name
        if key not in self._scanned:
            with self._open_transitional(name) as part:
                _XmlScanner(self._budget).read(part)
            self._scanned.add(key)
        return self._open_transitional(name)

    def _open_transitional(self, name: Any) -> IO[bytes]:
        return cast(IO[bytes], _TransitionalPart(super().open(name)))

    def has_cells(self, name: str) -> bool:
        """Return whether a sheet has a cell."""
        end = b""
        with super().open(name) as part:
            while chunk := part.read(_CHUNK_BYTES):
                if _CELL_START.search(end + chunk):
                    return True
                end = chunk[-_MAX_TAG_BYTES:]
        return False


class _TransitionalPart:
    """A part of a workbook in which namespaces of Strict Open XML are replaced by transitional ones."""

    def __init__(self, part: IO[bytes]) -> None:
        self._part, self.close = part, part.close
        self._ready, self._pending, self._is_at_end = b"", b"", False

    def __enter__(self) -> "_TransitionalPart":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, all without it."""
        while not self._is_at_end and (size < 0 or len(self._ready) < size):
            chunk = self._part.read(_CHUNK_BYTES)
            self._is_at_end = not chunk
            text = _STRICT_NAMESPACE.sub(lambda found: _TRANSITIONAL_NAMESPACES[found[0]], self._pending + chunk)
            end = len(text) if self._is_at_end else max(0, len(text) - _LONGEST_NAMESPACE)
            self._ready, self._pending = self._ready + text[:end], text[end:]
        end = len(self._ready) if size < 0 else size
        found, self._ready = self._ready[:end], self._ready[end:]
        return found


def _exceeds_part_limit(part: ZipInfo) -> bool:
    return not part.filename.startswith("xl/worksheets/sheet") and part.file_size > _MAX_IN_MEMORY_PART_BYTES


class _XmlScanner:
    """Counts the contents of an XML part by cell references, storing nothing."""

    def __init__(self, budget: ReadBudget) -> None:
        self._budget, self._limits = budget, budget.limits
        self._row_number = self._column_number = self._widest = 0
        self._text_count = self._other_count = self._sheet_count = 0

    def read(self, part: IO[bytes]) -> None:
        """Scan all of `part`. Raises UnreadableFile, and ExpatError when it is not XML."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._handle_element
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        while chunk := part.read(_CHUNK_BYTES):
            self._budget.check_time()
            parser.Parse(chunk)
        parser.Parse(b"", True)
        self._end_row()

    def _refuse_doctype(self, *_args: Any) -> None:
        raise UnreadableFile(_("This workbook is damaged or is not an XLSX file. Save it again as XLSX."))

    def _handle_element(self, name: str, attributes: dict[str, str]) -> None:
        if name == _CELL_TAG:
            self._count_cell(attributes.get("r"))
        elif name == _ROW_TAG:
            self._start_row(attributes.get("r"))
        elif name not in _CELL_CONTENT_TAGS:
            self._count_element(name, attributes)

    def _start_row(self, reference: str | None) -> None:
        self._end_row()
        number = self._row_number + 1 if reference is None else int(reference)
        if number <= self._row_number:
            raise ValueError("the rows of a sheet are not in order")
        self._row_number, self._column_number, self._widest = number, 0, 0

    def _end_row(self) -> None:
        self._budget.count_cells(self._row_number, self._widest)

    def _count_cell(self, reference: str | None) -> None:
        if reference is None:
            self._column_number += 1
        else:
            letters = _COLUMN_LETTERS.match(reference.lstrip("$"))
            self._column_number = column_index_from_string(letters[0]) if letters else MAX_COLUMNS + 1
        self._widest = max(self._widest, self._column_number)
        if self._widest > MAX_COLUMNS:
            raise build_too_wide_error(self._row_number, self._widest)

    def _count_element(self, name: str, attributes: dict[str, str]) -> None:
        """Count an element other than a row or cell; each costs openpyxl much more than a cell."""
        if name == _MERGED_CELL_TAG:
            message = _("The cells %(cells)s are merged. Unmerge them and give each its own value.")
            raise UnreadableFile(message % {"cells": attributes.get("ref", "")[:30]})
        if name == _TEXT_TAG:
            self._text_count += 1
        elif name == _SHEET_TAG:
            self._sheet_count += 1
        else:
            self._other_count += 1
        if self._sheet_count > self._limits.sheets:
            message = _("This workbook has more than %(most)s sheets. Copy the ones you need to a new workbook.")
            raise UnreadableFile(message % {"most": self._limits.sheets})
        if self._text_count > self._limits.cells or self._other_count > self._limits.xml_elements:
            raise UnreadableFile(_("This workbook contains far more data than a list. Copy the rows to a new one."))
