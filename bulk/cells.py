"""What stands in a cell, and what a file says when it cannot be read."""

import csv
from collections.abc import Iterable
from io import StringIO

_BETWEEN = ";"


class Unreadable(Exception):
    """The file cannot be read; the text says where and what to do."""


class Number(str):
    """A cell that the spreadsheet program keeps as a number: leading zeros are gone."""

    __slots__ = ()


class Odd(str):
    """A cell that cannot be used, as it is shown; `fault` says what to do."""

    __slots__ = ("fault",)
    fault: str

    def __new__(cls, shown: str, fault: str) -> "Odd":
        made = super().__new__(cls, shown)
        made.fault = fault
        return made


Cell = str


def joined(values: Iterable[str]) -> str:
    """Return several names as one cell: with semicolons between, in quotation marks where one has a semicolon."""
    line = StringIO()
    csv.writer(line, delimiter=_BETWEEN, lineterminator="").writerow(list(values))
    return line.getvalue().replace(_BETWEEN, f"{_BETWEEN} ") if '"' not in line.getvalue() else line.getvalue()


def parted(cell: str) -> list[str]:
    """Return the names in a cell of `joined`. Raises ValueError when quotation marks are not right."""
    try:
        (values,) = list(csv.reader([cell], delimiter=_BETWEEN, skipinitialspace=True, strict=True)) or [[]]
    except (csv.Error, ValueError) as error:
        raise ValueError(cell) from error
    return [value.strip() for value in values if value.strip()]
