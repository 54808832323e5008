"""XLSX files, streamed. The sizes of what is packed in one are checked before anything is unpacked."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import IO, Any
from zipfile import ZipFile, ZipInfo

from django.utils.translation import gettext as _
from openpyxl import load_workbook

from bulk.cells import Cell, Number, Odd, Unreadable
from loket.sheets import xlsx_text

_TIMES = 100  # how much larger unpacked than packed; real sheets are 10 to 30
_SMALL = 2**20  # no bomb, however well it is packed
_KEPT_WHOLE = 64 * 2**20  # texts, styles: what the library keeps in memory
_PARTS = 2000
_PART = 2**20
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*ref="([A-Z0-9:]{1,30})"')


def is_zip(start: bytes) -> bool:
    """Return whether a file that begins so is a ZIP file, as every workbook is."""
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def rows(file: IO[bytes], *, most: int, sheet: str | None = None) -> Iterator[list[Cell]]:
    """Yield the rows of a sheet, empty ones too. Raises Unreadable."""
    try:
        _check_parts(file, most)
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        found = _sheet(book, sheet)
        _refuse_merged(file, found._worksheet_path)
        found.reset_dimensions()  # what it says of itself may be anything
        for row in found.iter_rows():
            yield [_cell(cell) for cell in row]
    except Unreadable:
        raise
    except Exception as error:  # the library raises whatever it runs into
        raise Unreadable(_("This workbook is damaged, or is no XLSX file. Save it as XLSX once more.")) from error


def names(file: IO[bytes], *, most: int) -> list[str]:
    """Return the names of the sheets that can be seen. Raises Unreadable."""
    try:
        _check_parts(file, most)
        book = load_workbook(file, read_only=True, keep_links=False)
        return [found.title for found in book.worksheets if found.sheet_state == "visible"]
    except Unreadable:
        raise
    except Exception as error:  # the library raises whatever it runs into
        raise Unreadable(_("This workbook is damaged, or is no XLSX file. Save it as XLSX once more.")) from error
    finally:
        file.seek(0)


def _check_parts(file: IO[bytes], most: int) -> None:
    """Raise Unreadable when what is packed would be too large. No more than it says of itself is ever unpacked."""
    with ZipFile(file) as packed:
        parts = packed.infolist()
    total, size = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
    if len(parts) > _PARTS or total > max(_SMALL, size * _TIMES) or total > 4 * most or any(map(_is_too_large, parts)):
        raise Unreadable(_("This workbook is far larger inside than it seems. Copy the rows into a new one."))
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise Unreadable(_("This is no XLSX file. Save it as XLSX or as CSV UTF-8."))


def _is_too_large(part: ZipInfo) -> bool:
    return not part.filename.startswith("xl/worksheets/sheet") and part.file_size > _KEPT_WHOLE


def _sheet(book: Any, name: str | None) -> Any:
    seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for sheet in seen:
        if name is None or sheet.title == name:
            return sheet
    raise Unreadable(_("There is no sheet “%(name)s” in this workbook.") % {"name": name or "1"})


def _refuse_merged(file: IO[bytes], path: str) -> None:
    """Raise Unreadable when cells are merged; they are named behind the rows, which the library does not read."""
    with ZipFile(file) as packed, packed.open(path) as sheet:
        rest = b""
        while part := sheet.read(_PART):
            if found := _MERGED.search(rest + part):
                message = _("The cells %(cells)s are merged. Take them apart and give each its own value.")
                raise Unreadable(message % {"cells": found[1].decode()})
            rest = part[-200:]


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return Odd(str(value)[:50], _("This is a formula. Copy the cell and paste it as a value."))
    if cell.data_type == "e":
        return Odd(str(value)[:50], _("A formula failed here. Fill in the value itself."))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return Number(int(value) if value == int(value) else value) if abs(value) < 1e15 else Number(f"{value:.0f}")
    return xlsx_text(str(value))
