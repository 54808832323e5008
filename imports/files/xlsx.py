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

from core.sheets import decode_xlsx_cell
from imports.files.budget import MAX_CELL_CHARACTERS, ReadBudget
from imports.files.cells import Cell, FileRow, InvalidCell, NumberCell, UnreadableFile
from imports.files.xlsx_scan import ScannedZipFile

warnings.filterwarnings("ignore", module="openpyxl")  # its warnings about dates quote cell values


def read_sheet_rows(file: IO[bytes], *, budget: ReadBudget, sheet: str | None = None) -> Iterator[FileRow]:
    """Yield the rows present in a sheet, each up to its last cell. Raises UnreadableFile."""
    with _open_workbook(file, budget) as book:
        book.read_strings()
        book.read_workbook()
        apply_stylesheet(book.archive, book.wb)
        with book.archive.open(_find_sheet_path(book, sheet)) as source:
            parser = _SheetParser(source, book)
            for number, found in parser.parse():
                budget.check_time()
                yield FileRow(number, _convert_cells(found))


def list_sheet_names(file: IO[bytes], *, budget: ReadBudget) -> list[str]:
    """Return the names of the visible sheets. Raises UnreadableFile."""
    with budget.measure_time(), _open_workbook(file, budget) as book:
        book.read_workbook()
        found = [name for name, _path in _list_visible_sheets(book)]
    file.seek(0)
    return found


@contextmanager
def _open_workbook(file: IO[bytes], budget: ReadBudget) -> Iterator[ExcelReader]:
    """Open a workbook with openpyxl's reader, having read only the manifest.

    openpyxl's `load_workbook` would also read every sheet, image and theme.
    """
    try:
        with ScannedZipFile(file, budget) as archive:
            file.seek(0)
            book = ExcelReader(file, read_only=True, keep_links=False)
            book.archive = archive
            book.read_manifest()
            yield book
    except UnreadableFile:
        raise
    except Exception as error:  # openpyxl raises all kinds of errors
        raise UnreadableFile(_("This workbook is damaged or is not an XLSX file. Save it again as XLSX.")) from error


def _list_visible_sheets(book: ExcelReader) -> list[tuple[str, str]]:
    return [
        (sheet.name, related.target)
        for sheet, related in book.parser.find_sheets()
        if sheet.state == "visible" and "chartsheet" not in related.Type and related.target in book.valid_files
    ]


def _find_sheet_path(book: ExcelReader, sheet: str | None) -> str:
    for name, path in _list_visible_sheets(book):
        if sheet is None or name == sheet:
            return path
    raise UnreadableFile(_("This workbook has no sheet “%(name)s”.") % {"name": sheet or "1"})


class _SheetParser(WorkSheetParser):  # type: ignore[misc] # untyped library
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


def _convert_cells(found: list[dict[str, Any]]) -> list[Cell]:
    cells: list[Cell] = [""] * max((cell["column"] for cell in found), default=0)  # bounded by the scan
    for cell in found:
        cells[cell["column"] - 1] = _convert_value(cell["value"], cell["data_type"])
    return cells


def _convert_value(value: Any, kind: str) -> Cell:
    if value is None:
        return ""
    if kind == "f":
        return InvalidCell(str(value)[:50], _("This is a formula. Copy the cell and paste it as a value."))
    if kind == "e":
        return InvalidCell(str(value)[:50], _("This formula has an error. Enter the value itself."))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return (
            NumberCell(int(value) if value == int(value) else value)
            if abs(value) < 1e15
            else NumberCell(f"{value:.0f}")
        )
    text = str(value)
    return decode_xlsx_cell(text) if len(text) <= MAX_CELL_CHARACTERS else text
