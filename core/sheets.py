"""Text in cells of spreadsheet files: it survives a round trip and never becomes a formula.

openpyxl is imported by what writes a workbook: it takes 6 MB, which most web workers never need.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import IO, TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell.cell import Cell

MAX_CELL_CHARACTERS = 32_767  # maximum of spreadsheet programs
XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# As OWASP lists them; in full width too, which some spreadsheet programs take for the plain ones.
_FORMULA_PREFIXES = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_GUARDED_PATTERN = re.compile(f"'*[{re.escape(''.join(_FORMULA_PREFIXES))}]")
_SEPARATOR = ";"  # between names in one cell
_BOM = "\ufeff"  # tells Excel that a CSV file is UTF-8

# ECMA-376 part 1, 22.9.2.19 (ST_Xstring): characters that XML does not allow are written as _xHHHH_, and so is the
# underscore of text that would be read as an escape.
_INVALID_XML_CHARACTERS = "\x00-\x08\x0b-\x1f\ufffe\uffff"
_TO_ESCAPE_PATTERN = re.compile(rf"[{_INVALID_XML_CHARACTERS}]|_(?=x[0-9A-Fa-f]{{4}}(?:_|[{_INVALID_XML_CHARACTERS}]))")
_ESCAPED_PATTERN = re.compile("_x([0-9A-Fa-f]{4})_")


def encode_csv_cell(text: str) -> str:
    """Return `text` for a CSV file, with a leading apostrophe if a spreadsheet program would read it as a formula."""
    return f"'{text}" if _GUARDED_PATTERN.match(text) else text


def decode_csv_cell(cell: str) -> str:
    """Return the text from which `encode_csv_cell` made `cell`."""
    return cell[1:] if cell.startswith("'") and _GUARDED_PATTERN.match(cell) else cell


def encode_xlsx_cell(text: str) -> str:
    """Return `text` as stored in an XLSX file."""
    return _TO_ESCAPE_PATTERN.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def decode_xlsx_cell(cell: str) -> str:
    """Return the text of a cell as stored in an XLSX file."""
    return _ESCAPED_PATTERN.sub(lambda found: chr(int(found[1], 16)), cell)


def iter_csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield the lines of a CSV file for Dutch spreadsheet programs: semicolons, UTF-8 with a byte order mark."""
    line = StringIO(newline="")
    writer = csv.writer(line, delimiter=";")
    line.write(_BOM)
    for row in rows:
        writer.writerow([encode_csv_cell(text) for text in row])
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()


def force_text_cell(cell: "Cell") -> None:
    """Mark a cell as text, so that it stays text when it is edited."""
    cell.data_type = "s"
    if str(cell.value).startswith(_FORMULA_PREFIXES):
        cell.quotePrefix = True


def write_xlsx(file: IO[bytes], title: str, rows: Iterable[Sequence[str]], widths: Sequence[int]) -> None:
    """Write a workbook of one sheet; the first of `rows` is the header, `widths` are in characters."""
    book = _create_workbook()
    _add_sheet(book, title, rows, widths)
    book.save(file)


def write_sheets(file: IO[bytes], sheets: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Write a workbook with one sheet per title; the first row of each is the header."""
    book = _create_workbook()
    for title, rows in sheets.items():
        _add_sheet(book, title, rows, [24] * len(rows[0]))
    book.save(file)


def _create_workbook() -> "Workbook":
    from openpyxl import Workbook

    return Workbook(write_only=True)


def _add_sheet(book: "Workbook", title: str, rows: Iterable[Sequence[str]], widths: Sequence[int]) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title[:31])
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"
    for number, row in enumerate(rows):
        cells = [WriteOnlyCell(sheet, _replace_long_cell(encode_xlsx_cell(text))) for text in row]
        for cell in cells:
            force_text_cell(cell)
            if not number:
                cell.font = Font(bold=True)
        sheet.append(cells)


def _replace_long_cell(text: str) -> str:
    """Return `text`, or why it is not there: openpyxl would cut it off, and an import would remove the rest."""
    return text if len(text) <= MAX_CELL_CHARACTERS else _("Too long for a cell. Export this as CSV or JSON lines.")


def join_names(values: Iterable[str]) -> str:
    """Join names into one cell with semicolons, quoting a name that holds a semicolon."""
    line = StringIO()
    csv.writer(line, delimiter=_SEPARATOR, lineterminator="").writerow(list(values))
    return line.getvalue().replace(_SEPARATOR, f"{_SEPARATOR} ") if '"' not in line.getvalue() else line.getvalue()


def split_names(cell: str) -> list[str]:
    """Split the names in a cell written by `join_names`. Raises ValueError on unbalanced quotation marks."""
    try:
        (values,) = list(csv.reader([cell], delimiter=_SEPARATOR, skipinitialspace=True, strict=True)) or [[]]
    except (csv.Error, ValueError) as error:
        raise ValueError(cell) from error
    return [value.strip() for value in values if value.strip()]
