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
from imports.files.cells import Cell, FileRow, InvalidCell, NumberCell, UnreadableFile

_MAX_LINE_CHARACTERS = 2**20  # characters
_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_rows(file: IO[bytes], *, budget: ReadBudget | None = None, sheet: str | None = None) -> Iterator[FileRow]:
    """Yield the non-empty rows of `file`, the header first.

    `file` must be seekable. `sheet` names a sheet of a workbook and defaults to the first one. Raises UnreadableFile,
    which says where and what to do.
    """
    budget = budget or ReadBudget(COMMAND_LIMITS)
    start = _read_signature(file, budget)
    if start.startswith(_OLE_SIGNATURE):
        text = _("This workbook is in an old format or has a password. Save it as XLSX without a password.")
        raise UnreadableFile(text)
    is_empty = True
    for number, cells in budget.iterate_measured(_read_all_rows(file, start, budget, sheet)):
        while len(cells) > MAX_COLUMNS and not cells[-1]:
            cells.pop()
        if any(cells):
            budget.count_row(number, cells)
            is_empty = False
            yield FileRow(number, cells)
    if is_empty:
        raise UnreadableFile(_("This file is empty."))


def _read_all_rows(file: IO[bytes], start: bytes, budget: ReadBudget, sheet: str | None) -> Iterator[FileRow]:
    if is_zip(start):
        from imports.files import xlsx  # with openpyxl, which takes 6 MB

        yield from xlsx.read_sheet_rows(file, budget=budget, sheet=sheet)
        return
    is_json = start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{")
    rows = _read_json_lines(file) if is_json else _read_csv(file)
    for number, cells in enumerate(rows, start=1):
        budget.check_time()
        budget.count_cells(number, len(cells))
        yield FileRow(number, cells)


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


def _read_lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a text file, each of bounded length."""
    text = StringIO(encoding_detection.decode_text(file.read()), newline="")
    number = 0
    while line := text.readline(_MAX_LINE_CHARACTERS):
        number += 1
        if len(line) >= _MAX_LINE_CHARACTERS:
            raise UnreadableFile(_("Line %(number)s has no end. Is this a CSV file?") % {"number": number})
        if "\x00" in line:
            message = _("Line %(number)s contains bytes that are not text. Is this a CSV file?")
            raise UnreadableFile(message % {"number": number})
        yield line


def _read_csv(file: IO[bytes]) -> Iterator[list[Cell]]:
    lines = _read_lines(file)
    first = next(lines, "")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # delimiter declaration for Excel
        delimiter = first.strip()[-1]
        yield []  # counts in the row numbers
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(chain([first], lines), delimiter=_detect_delimiter(first), strict=True)
    try:
        for cells in reader:
            yield [decode_csv_cell(cell) if cell else "" for cell in cells]
    except csv.Error:
        message = _(
            "Line %(number)s: a quotation mark is misplaced or missing. Put values that contain one between quotation"
            " marks, and double it."
        )
        raise UnreadableFile(message % {"number": reader.line_num}) from None


def _detect_delimiter(head: str) -> str:
    """Return the delimiter that occurs most in the header outside quotation marks."""
    outside = "".join(head.split('"')[::2])
    return max(";,\t", key=outside.count)


def _read_json_lines(file: IO[bytes]) -> Iterator[list[Cell]]:
    """Yield the keys of the first object as the header, then the values of each object in that order."""
    names: list[str] = []
    for number, line in enumerate(_read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise UnreadableFile(_("Line %(number)s is not a JSON object.") % {"number": number})
        if len(value) > MAX_COLUMNS:
            raise build_too_wide_error(number, len(value))
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
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return join_names(value)
    if isinstance(value, int):
        return NumberCell(value)
    shown = "[…]" if isinstance(value, list) else "{…}" if isinstance(value, dict) else str(value)[:50]
    return InvalidCell(shown, _("This is not a string. Put it between quotation marks."))
