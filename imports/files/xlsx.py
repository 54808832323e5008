"""Stream XLSX files. Every part is scanned for size before openpyxl reads it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import IO, Any, NamedTuple

from django.utils.translation import gettext as _
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

from core.sheets import MAX_CELL_CHARACTERS, decode_xlsx_cell
from imports.files.budget import ReadBudget
from imports.files.cells import Cell, ConvertedCell, FileRow, InvalidCell, NumberCell, UnreadableFile
from imports.files.file_notes import FileNotes, RowNote
from imports.files.xlsx_scan import ScannedZipFile

warnings.filterwarnings("ignore", module="openpyxl")  # its warnings about dates quote cell values


class _Sheet(NamedTuple):
    name: str
    path: str
    is_visible: bool


def read_sheet_rows(
    file: IO[bytes], *, budget: ReadBudget, notes: FileNotes, sheet: str | None = None
) -> Iterator[FileRow]:
    """Yield the rows present in a sheet, each up to its last cell, hidden ones too. Raises UnreadableFile."""
    with _open_workbook(file, budget) as book:
        book.read_strings()
        book.read_workbook()
        apply_stylesheet(book.archive, book.wb)
        sheets = _list_sheets(book)
        found = _find_sheet(sheets, sheet)
        if sheet is None and (unread := [other.name for other in sheets if other is not found]):
            message = _("Only the sheet “%(name)s” is read, not: %(others)s.")
            notes.sentences.append(message % {"name": found.name, "others": ", ".join(unread)})
        with book.archive.open(found.path) as source:
            parser = _SheetParser(source, book)
            for count, (number, cells) in enumerate(parser.parse()):
                budget.check_time()
                if parser.pop_is_hidden(number) and cells:
                    notes.add_row(RowNote.HIDDEN, number)
                row = FileRow(number, _convert_cells(cells))
                if not count:
                    parser.note_hidden_columns(row, notes)
                yield row


def list_sheet_names(file: IO[bytes], *, budget: ReadBudget) -> tuple[list[str], list[str]]:
    """Return the names of the visible sheets and of the hidden ones that have cells. Raises UnreadableFile."""
    with budget.measure_time(), _open_workbook(file, budget) as book:
        book.read_workbook()
        sheets = _list_sheets(book)
    file.seek(0)
    return [sheet.name for sheet in sheets if sheet.is_visible], [
        sheet.name for sheet in sheets if not sheet.is_visible
    ]


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


def _list_sheets(book: ExcelReader) -> list[_Sheet]:
    """Return the sheets with cells, and without a visible one the first visible sheet."""
    sheets = [
        _Sheet(sheet.name, related.target, sheet.state == "visible")
        for sheet, related in book.parser.find_sheets()
        if "chartsheet" not in related.Type and related.target in book.valid_files
    ]
    filled = [sheet for sheet in sheets if book.archive.has_cells(sheet.path)]
    if any(sheet.is_visible for sheet in filled):
        return filled
    return [*[sheet for sheet in sheets if sheet.is_visible][:1], *filled]


def _find_sheet(sheets: list[_Sheet], name: str | None) -> _Sheet:
    for sheet in sheets:
        if sheet.is_visible and name in (None, sheet.name):
            return sheet
    raise UnreadableFile(_("This workbook has no sheet “%(name)s”.") % {"name": name or "1"})


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
        """Return the formula as stored, "" if its result is empty text; expanding shared formulas is expensive."""
        if element.get("t") == "str" and not element.findtext(VALUE_TAG):
            return ""
        return f"={element.findtext(FORMULA_TAG) or ''}"

    def pop_is_hidden(self, row: int) -> bool:
        """Return whether a row is hidden or filtered out, and forget its layout."""
        return _is_hidden(self.row_dimensions.pop(str(row), {}))

    def note_hidden_columns(self, header: FileRow, notes: FileNotes) -> None:
        names = []
        for layout in filter(_is_hidden, self.column_dimensions.values()):
            columns = range(int(layout["min"]) - 1, min(int(layout["max"]), len(header.cells)))
            names += [header.cells[column] or get_column_letter(column + 1) for column in columns]
        if names:
            notes.sentences.append(_("Hidden columns are read as well: %(names)s.") % {"names": ", ".join(names)})


def _is_hidden(layout: dict[str, str]) -> bool:
    return layout.get("hidden") in ("1", "true") or layout.get("ht") == "0" or layout.get("width") == "0"


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
        return ConvertedCell("true" if value else "false")
    if isinstance(value, datetime):
        return ConvertedCell(value.date() if value.time() == time() else value)
    if isinstance(value, date | time | timedelta):
        return ConvertedCell(value)
    if isinstance(value, int | float):
        return (
            NumberCell(int(value) if value == int(value) else value)
            if abs(value) < 1e15
            else NumberCell(f"{value:.0f}")
        )
    text = str(value)
    return decode_xlsx_cell(text) if len(text) <= MAX_CELL_CHARACTERS else text
