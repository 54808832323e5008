"""XLSX files, streamed. What is packed in one is measured before anything of it is used."""

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

warnings.filterwarnings("ignore", module="openpyxl")  # else it warns of each odd date, with what is in the cell


def is_zip(start: bytes) -> bool:
    """Return whether a file that begins so is a ZIP file, as every workbook is."""
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def rows(file: IO[bytes], *, budget: Budget, sheet: str | None = None) -> Iterator[Row]:
    """Yield the rows of a sheet that is there, as far as each has cells. Raises Unreadable."""
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
    """Return the names of the sheets that can be seen. Raises Unreadable."""
    with budget.clock(), _workbook(file, budget) as book:
        book.read_workbook()
        found = [name for name, _path in _visible(book)]
    file.seek(0)
    return found


@contextmanager
def _workbook(file: IO[bytes], budget: Budget) -> Iterator[ExcelReader]:
    """Give the library's reader of a workbook, of which nothing is read yet but what kinds of parts it has.

    It is not the whole of the library's `load_workbook`, which looks into every sheet, picture and theme as well.
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
    except Exception as error:  # the library raises whatever it runs into
        raise Unreadable(_("This workbook is damaged, or is no XLSX file. Save it as XLSX once more.")) from error


def _visible(book: ExcelReader) -> list[tuple[str, str]]:
    """Return the name and the place of each sheet that can be seen."""
    return [
        (sheet.name, related.target)
        for sheet, related in book.parser.find_sheets()
        if sheet.state == "visible" and "chartsheet" not in related.Type and related.target in book.valid_files
    ]


def _path(book: ExcelReader, wanted: str | None) -> str:
    for name, path in _visible(book):
        if wanted is None or name == wanted:
            return path
    raise Unreadable(_("There is no sheet “%(name)s” in this workbook.") % {"name": wanted or "1"})


class _Parser(WorkSheetParser):  # type: ignore[misc] # it has no types
    """The library's parser of a sheet, which knows no size and pads nothing; a formula is not worked out."""

    def __init__(self, source: IO[bytes], book: ExcelReader) -> None:
        super().__init__(
            source,
            book.shared_strings,
            epoch=book.wb.epoch,
            date_formats=book.wb._date_formats,
            timedelta_formats=book.wb._timedelta_formats,
        )

    def parse_formula(self, element: Any) -> str:
        """Return the formula as it stands; that of the cell it is shared with costs much for each."""
        return f"={element.findtext(FORMULA_TAG) or ''}"


def _cells(found: list[dict[str, Any]]) -> list[Cell]:
    cells: list[Cell] = [""] * max((cell["column"] for cell in found), default=0)  # the scan has bounded it
    for cell in found:
        cells[cell["column"] - 1] = _cell(cell["value"], cell["data_type"])
    return cells


def _cell(value: Any, kind: str) -> Cell:
    if value is None:
        return ""
    if kind == "f":
        return Odd(str(value)[:50], _("This is a formula. Copy the cell and paste it as a value."))
    if kind == "e":
        return Odd(str(value)[:50], _("A formula failed here. Fill in the value itself."))
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
