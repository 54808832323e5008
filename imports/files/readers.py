"""Read CSV, XLSX and JSON Lines files from any spreadsheet program, row by row as text.

Memory and time are bounded by `imports.files.budget`.
"""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from itertools import chain
from typing import IO, Any

from django.utils.translation import gettext as _

from core.sheets import decode_csv_cell, join_names
from imports.files import encoding_detection
from imports.files.budget import COMMAND_LIMITS, MAX_COLUMNS, ReadBudget, build_too_wide_error
from imports.files.cells import (
    Cell,
    ConvertedCell,
    FileRow,
    InvalidCell,
    NumberCell,
    UnreadableFile,
    is_blank,
    join_surrogates,
)
from imports.files.file_notes import FileNotes, RowNote

_MAX_LINE_CHARACTERS = 2**20  # characters
csv.field_size_limit(_MAX_LINE_CHARACTERS)  # longer than the cells that are accepted, so that these say so themselves
_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_rows(
    file: IO[bytes], *, budget: ReadBudget | None = None, sheet: str | None = None, notes: FileNotes | None = None
) -> Iterator[FileRow]:
    """Yield the rows of `file` that are not blank, the header first; blank cells are "".

    `file` must be seekable. `sheet` names a sheet of a workbook and defaults to the first one. What is guessed, hidden
    or skipped goes to `notes`. Raises UnreadableFile, which says where and what to do.
    """
    budget, notes = budget or ReadBudget(COMMAND_LIMITS), notes or FileNotes()
    start = _read_signature(file, budget)
    if start.startswith(_OLE_SIGNATURE):
        text = _("This workbook is in an old format or has a password. Save it as XLSX without a password.")
        raise UnreadableFile(text)
    is_empty = True
    for number, found in budget.iterate_measured(_read_all_rows(file, start, budget, sheet, notes)):
        cells = list(map(_clean_cell, found))
        while len(cells) > MAX_COLUMNS and not cells[-1]:
            cells.pop()
        if any(cells):
            budget.count_row(number, cells)
            is_empty = False
            yield FileRow(number, cells)
        elif any(found) or any(isinstance(cell, InvalidCell) for cell in cells):
            notes.add_row(RowNote.BLANK, number)
    if is_empty:
        raise UnreadableFile(_("This file is empty."))


def require_rows(rows: Iterator[FileRow]) -> Iterator[FileRow]:
    """Return `rows`, which follow a header. Raises UnreadableFile when there are none."""
    first = next(rows, None)
    if first is None:
        raise UnreadableFile(_("This file has column headings, but no rows below them. Add a row for each user."))
    return chain([first], rows)


def _clean_cell(cell: Cell) -> Cell:
    """Return `cell`, "" when nothing of it is visible, and an invalid cell when its letters are damaged."""
    if not cell or isinstance(cell, NumberCell | InvalidCell) or (cell.isascii() and not cell[0].isspace()):
        return cell
    if is_blank(cell):
        return ""
    cell = join_surrogates(cell)
    return InvalidCell(cell, build_damage_message()) if encoding_detection.is_damaged(cell) else cell


def build_damage_message() -> str:
    return _(
        "Letters in this text are damaged: it was once saved or opened in another text encoding. Correct it, or save"
        " the original again as XLSX or CSV UTF-8."
    )


def _read_all_rows(
    file: IO[bytes], start: bytes, budget: ReadBudget, sheet: str | None, notes: FileNotes
) -> Iterator[FileRow]:
    if is_zip(start):
        from imports.files import xlsx  # with openpyxl, which takes 6 MB

        yield from xlsx.read_sheet_rows(file, budget=budget, sheet=sheet, notes=notes)
        return
    lines = _read_lines(file, notes)
    rows = _read_json_lines(lines) if _is_json(start) else _read_csv(lines)
    for number, cells in enumerate(rows, start=1):
        budget.check_time()
        budget.count_cells(number, len(cells))
        yield FileRow(number, cells)


def _is_json(start: bytes) -> bool:
    """Return whether a file starting with `start` has JSON lines. Raises UnreadableFile for HTML, XML and arrays."""
    start = start.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \r\n\t")
    if start.startswith(b"<"):
        raise UnreadableFile(
            _("This is a web page or an XML file. Open it in a spreadsheet program, and save it as XLSX.")
        )
    if start.startswith(b"["):
        raise UnreadableFile(_("This is a JSON array. Put each object on a line of its own, without the brackets."))
    return start.startswith(b"{")


def is_zip(start: bytes) -> bool:
    """Return whether a file starting with `start` is a ZIP file, as every workbook is."""
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _read_signature(file: IO[bytes], budget: ReadBudget) -> bytes:
    """Return the first bytes of a file and rewind it. Raises UnreadableFile when it is empty or too large."""
    size = file.seek(0, 2)
    file.seek(0)
    if not size:
        raise UnreadableFile(_("This file is empty."))
    budget.check_size(size)
    start = file.read(8)
    file.seek(0)
    return start


def _read_lines(file: IO[bytes], notes: FileNotes) -> Iterator[str]:
    """Yield the lines of a text file, each of bounded length."""
    decoded = encoding_detection.decode_text(file.read())
    notes.guessed_encoding = decoded.guessed_encoding
    text = StringIO(decoded.text, newline="")
    number = 0
    while line := text.readline(_MAX_LINE_CHARACTERS):
        number += 1
        if len(line) >= _MAX_LINE_CHARACTERS:
            raise UnreadableFile(_("Line %(number)s has no end. Is this a CSV file?") % {"number": number})
        if "\x00" in line:
            message = _("Line %(number)s contains bytes that are not text. Is this a CSV file?")
            raise UnreadableFile(message % {"number": number})
        yield line


def _read_csv(lines: Iterator[str]) -> Iterator[list[Cell]]:
    first, first_number = next(lines, ""), 1
    declaration = first.strip('\r\n "')
    if declaration.lower().startswith("sep=") and len(declaration) == 5:  # delimiter declaration for Excel
        delimiter = declaration[-1]
        yield []  # counts in the row numbers
        first, first_number = next(lines, ""), 2
    else:
        delimiter = _detect_delimiter(first)
    is_spaced = first.count(delimiter) == first.count(f"{delimiter} ") > 0  # "Naam, E-mail"
    reader = csv.reader(chain([first], lines), delimiter=delimiter, skipinitialspace=is_spaced, strict=True)
    start = first_number  # the line on which the row starts: without a closing quotation mark it has no end
    try:
        for cells in reader:
            start = first_number + reader.line_num
            yield [_decode_csv_cell(cell) if cell else "" for cell in cells]
    except csv.Error:
        message = _(
            "Line %(number)s: a quotation mark is misplaced or missing. Put values that contain one between quotation"
            " marks, and double it."
        )
        raise UnreadableFile(message % {"number": start}) from None


def _decode_csv_cell(cell: str) -> Cell:
    if cell[0] == " " and cell.lstrip().startswith('"'):  # its quotation marks would become part of the value
        return InvalidCell(cell, _("Remove the space before the quotation mark."))
    return decode_csv_cell(cell)


def _detect_delimiter(head: str) -> str:
    """Return the delimiter that occurs most in the header outside quotation marks."""
    outside = "".join(head.split('"')[::2])
    return max(";,\t|", key=outside.count)


def _read_json_lines(lines: Iterator[str]) -> Iterator[list[Cell]]:
    """Yield the keys of the first object as the header, then the values of each object in that order."""
    names: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            pairs = json.loads(line, object_pairs_hook=tuple)
        except (ValueError, RecursionError):
            pairs = None
        if not isinstance(pairs, tuple):
            raise UnreadableFile(_("Line %(number)s is not a JSON object.") % {"number": number})
        value = {join_surrogates(name): item for name, item in pairs}
        if len(value) > MAX_COLUMNS:
            raise build_too_wide_error(number, len(value))
        if len(value) < len(pairs):
            raise UnreadableFile(_("Line %(number)s has the same name twice. Keep one.") % {"number": number})
        if not names:
            names = list(value)
            yield [*names]
        if unknown := [name for name in value if name not in names]:
            message = _(
                "Line %(number)s has “%(name)s”, which the first line does not have. Use the same names on each line."
            )
            raise UnreadableFile(message % {"number": number, "name": unknown[0][:60]})
        yield [_convert_json_value(value.get(name)) for name in names]


def _convert_json_value(value: Any) -> Cell:
    if value is None:
        return ""
    if isinstance(value, bool):
        return ConvertedCell("true" if value else "false")
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return join_names(value)
    if isinstance(value, int):
        return NumberCell(value)
    shown = "[…]" if isinstance(value, list) else "{…}" if isinstance(value, tuple) else str(value)[:50]
    return InvalidCell(shown, _("This is not a string. Put it between quotation marks."))
