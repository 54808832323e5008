"""Files of people's spreadsheet programs, row by row as texts: CSV, XLSX and JSONL, whatever wrote them.

Memory is bounded whatever the file: sizes are looked at before anything is parsed, and nothing is read whole.
"""

import csv
import json
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain
from typing import IO, Any, NamedTuple

from django.utils.translation import gettext as _

from bulk import encodings, workbooks
from bulk.cells import Cell, Number, Odd, Unreadable
from loket.sheets import csv_text, joined

MOST_BYTES = 512 * 2**20
MOST_COLUMNS, MOST_ROWS = 200, 1_100_000
_LINE = 2**20  # characters
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Row(NamedTuple):
    """One row with the number that a spreadsheet program shows in front of it."""

    number: int
    cells: list[Cell]


def rows(file: IO[bytes], *, most: int = MOST_BYTES, sheet: str | None = None) -> Iterator[Row]:
    """Yield the rows of `file` that are not empty, the head first.

    `file` can be read again from its beginning; `most` is how many bytes it may have, `sheet` the name of the sheet of
    a workbook, without it the first. Raises Unreadable, which says where and what to do.
    """
    _check_size(file, most)
    start = file.read(8)
    file.seek(0)
    if start.startswith(_OLD_EXCEL):
        raise Unreadable(_("This is a workbook of an old kind, or one with a password. Save it as XLSX without one."))
    if workbooks.is_zip(start):
        found = workbooks.rows(file, most=most, sheet=sheet)
    else:
        found = _json_lines(file) if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") else _csv(file)
    is_empty = True
    for number, cells in enumerate(found, start=1):
        if number > MOST_ROWS:
            raise Unreadable(_("There are more than %(count)s rows. Split the file.") % {"count": MOST_ROWS})
        if len(cells) > MOST_COLUMNS:
            cells = _without_empty_end(cells)
        if any(cells):
            is_empty = False
            yield Row(number, cells)
    if is_empty:
        raise Unreadable(_("There is nothing in this file."))


def _check_size(file: IO[bytes], most: int) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    if not size:
        raise Unreadable(_("There is nothing in this file."))
    if size > most:
        message = _("This file is larger than %(most)s MB. Split it.")
        raise Unreadable(message % {"most": most // 2**20})


def _without_empty_end(cells: list[Cell]) -> list[Cell]:
    count = max((number for number, cell in enumerate(cells, start=1) if cell), default=0)
    if count > MOST_COLUMNS:
        message = _("There are %(count)s columns, and %(most)s at most can be read. Remove those without use.")
        raise Unreadable(message % {"count": count, "most": MOST_COLUMNS})
    return cells[:count]


def _lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a text, each of bounded length."""
    text = TextIOWrapper(file, encoding=encodings.encoding_of(file), newline="")
    try:
        number = 0
        while line := text.readline(_LINE):
            number += 1
            if len(line) >= _LINE:
                raise Unreadable(_("Line %(number)s does not end. Is this a CSV file?") % {"number": number})
            if "\x00" in line:
                message = _("Line %(number)s holds bytes that are no text. Is this a CSV file?")
                raise Unreadable(message % {"number": number})
            yield line
    finally:
        if not file.closed:
            text.detach()  # else it closes the file


def _csv(file: IO[bytes]) -> Iterator[list[Cell]]:
    lines = _lines(file)
    first = next(lines, "")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # how Excel is told the delimiter
        delimiter = first.strip()[-1]
        yield []  # it counts in the row's number
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(chain([first], lines), delimiter=_delimiter(first), strict=True)
    try:
        for cells in reader:
            yield [csv_text(cell) for cell in cells]
    except csv.Error:
        message = _(
            "Line %(number)s: a quotation mark stands where it does not belong, or is missing. Put values that contain"
            " one between quotation marks and double it."
        )
        raise Unreadable(message % {"number": reader.line_num}) from None


def _delimiter(head: str) -> str:
    """Return what stands between the columns: the sign that occurs most in the head, outside quotation marks."""
    outside = "".join(head.split('"')[::2])
    return max(";,\t", key=outside.count)


def _json_lines(file: IO[bytes]) -> Iterator[list[Cell]]:
    """Yield the head, which is the names of the first object, and what each object has under them."""
    names: list[str] = []
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Unreadable(_("Line %(number)s is no JSON object.") % {"number": number})
        if not names:
            names = list(value)
            yield [*names]
        if unknown := [name for name in value if name not in names]:
            message = _("Line %(number)s has “%(name)s”, which the first line has not. Give every line the same names.")
            raise Unreadable(message % {"number": number, "name": unknown[0]})
        yield [_json_cell(value.get(name)) for name in names]


def _json_cell(value: Any) -> Cell:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return joined(value)
    if isinstance(value, int):
        return Number(value)
    return Odd(str(value)[:50], _("This is no text. Put it between quotation marks."))
