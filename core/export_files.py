"""Files for export: CSV and XLSX for spreadsheets, JSONL for programs."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import Enum, StrEnum
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple, TypeVar

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from core import sheets

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)
_SPOOL_BYTES = 2**20  # bytes; larger files are written to disk
ExportColumns = dict[str, tuple[str | Promise, int]]  # heading and width in characters by name
ExportRow = dict[str, Any]  # values by column name, in column order


class FileFormat(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


CONTENT_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: sheets.XLSX_CONTENT_TYPE,
    FileFormat.JSONL: "application/jsonl",
}


class ExportValue(NamedTuple):
    """A value that programs and spreadsheets get in different forms."""

    data: Any  # for JSON
    text: str


def write_export_file(rows: Iterable[ExportRow], columns: ExportColumns, *, title: str, form: FileFormat) -> IO[bytes]:
    """Return a file with `rows`, each with a value for every column; `title` names the sheet of a workbook.

    The file is rewound; large files are on disk.
    """
    file: IO[bytes] = SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 (the response closes it)
    if form is FileFormat.JSONL:
        file.writelines(_iter_json_lines(rows))
    elif form is FileFormat.CSV:
        file.writelines(sheets.iter_csv_lines(_iter_table_rows(rows, columns)))
    else:
        sheets.write_xlsx(file, title, _iter_table_rows(rows, columns), [width for _head, width in columns.values()])
    file.seek(0)
    return file


def send_export(file: IO[bytes], name: str, form: FileFormat) -> FileResponse:
    """Send `file` as a download, named `name` and the day."""
    dated = f"{name}-{timezone.localdate().isoformat()}.{form}"
    return FileResponse(file, as_attachment=True, filename=dated, content_type=CONTENT_TYPES[form])


def attach(response: ResponseT, name: str) -> ResponseT:
    """Have the browser save `response` as a file with this name."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _iter_json_lines(rows: Iterable[ExportRow]) -> Iterator[bytes]:
    for row in rows:
        values = {name: _to_plain(value) for name, value in row.items()}
        yield json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _to_plain(value: Any) -> Any:
    if isinstance(value, ExportValue):
        return value.data
    return value if isinstance(value, str | bool | int | list) or value is None else _to_iso(value)


def _to_iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _iter_table_rows(rows: Iterable[ExportRow], columns: ExportColumns) -> Iterator[list[str]]:
    yield [str(head) for head, _width in columns.values()]
    for row in rows:
        yield [_format_value(value) for value in row.values()]


def _format_value(value: Any) -> str:
    """Return a value as text for a spreadsheet cell; a choice is shown by its label."""
    if value is None or value == "":
        return ""
    if isinstance(value, ExportValue):
        return value.text
    if isinstance(value, Enum) and hasattr(value, "label"):
        return str(value.label)
    if isinstance(value, list):
        return sheets.join_names(map(_format_value, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    return _to_iso(value)
