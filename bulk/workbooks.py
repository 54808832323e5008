"""Stream XLSX files. Every part is scanned for size before openpyxl reads it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import IO, Any

from django.utils.translation import gettext as _
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from bulk.budget import MAX_CELL_CHARACTERS, Budget
from bulk.cells import Cell, Number, Odd, Row, Unreadable
from bulk.packed import CheckedZip
from loket.sheets import xlsx_text

warnings.filterwarnings("ignore", module="openpyxl")  # its warnings about dates quote cell values


def is_zip(start: bytes) -> bool:
    """Return whether a file starting with `start` is a ZIP file, as every workbook is."""
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def rows(file: IO[bytes], *, budget: Budget, sheet: str | None = None) -> Iterator[Row]:
    """Yield the rows present in a sheet, each up to its last cell. Raises Unreadable."""
    with _workbook(file, budget) as book:
        book.read_strings()
        book.read_workbook()
        apply_stylesheet(book.archive, book.wb)
        with book.archive.open(_path(book, sheet)) as source:
            parser = _Parser(source, book)
            for number, found in parser.parse():
                budget.check_time()
                yield Row(number, _cells(found))


def names(file: IO[bytes], *, budget: Budget) -> list[str]:
    """Return the names of the visible sheets. Raises Unreadable."""
    with budget.clock(), _workbook(file, budget) as book:
        book.read_workbook()
        found = [name for name, _path in _visible(book)]
    file.seek(0)
    return found


@contextmanager
def _workbook(file: IO[bytes], budget: Budget) -> Iterator[ExcelReader]:
    """Open a workbook with openpyxl's reader, having read only the manifest.

    openpyxl's `load_workbook` would also read every sheet, image and theme.
    """
    try:
        with CheckedZip(file, budget) as archive:
            file.seek(0)
            book = ExcelReader(file, read_only=True, keep_links=False)
            book.archive = archive
            book.read_manifest()
            yield book
    except Unreadable:
        raise
    except Exception as error:  # openpyxl raises all kinds of errors
        raise Unreadable(_("This workbook is damaged or is not an XLSX file. Save it again as XLSX.")) from error


def _visible(book: ExcelReader) -> list[tuple[str, str]]:
    """Return the name and path of each visible sheet."""
    return [
        (sheet.name, related.target)
        for sheet, related in book.parser.find_sheets()
        if sheet.state == "visible" and "chartsheet" not in related.Type and related.target in book.valid_files
    ]


def _path(book: ExcelReader, wanted: str | None) -> str:
    for name, path in _visible(book):
        if wanted is None or name == wanted:
            return path
    raise Unreadable(_("This workbook has no sheet “%(name)s”.") % {"name": wanted or "1"})


class _Parser(WorkSheetParser):  # type: ignore[misc] # untyped library
    """openpyxl's sheet parser without size detection, padding or evaluation of formulas."""

    def __init__(self, source: IO[bytes], book: ExcelReader) -> None:
        super().__init__(
            source,
            book.shared_strings,
            epoch=book.wb.epoch,
            date_formats=book.wb._date_formats,
            timedelta_formats=book.wb._timedelta_formats,
        )

    def parse_formula(self, element: Any) -> str:
        """Return the formula as stored; expanding shared formulas is expensive."""
        return f"={element.findtext(FORMULA_TAG) or ''}"


def _cells(found: list[dict[str, Any]]) -> list[Cell]:
    cells: list[Cell] = [""] * max((cell["column"] for cell in found), default=0)  # bounded by the scan
    for cell in found:
        cells[cell["column"] - 1] = _cell(cell["value"], cell["data_type"])
    return cells


def _cell(value: Any, kind: str) -> Cell:
    if value is None:
        return ""
    if kind == "f":
        return Odd(str(value)[:50], _("This is a formula. Copy the cell and paste it as a value."))
    if kind == "e":
        return Odd(str(value)[:50], _("This formula has an error. Enter the value itself."))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return Number(int(value) if value == int(value) else value) if abs(value) < 1e15 else Number(f"{value:.0f}")
    text = str(value)
    return xlsx_text(text) if len(text) <= MAX_CELL_CHARACTERS else text
