"""What stands in a cell, and what a file says when it cannot be read."""

from typing import NamedTuple


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


class Row(NamedTuple):
    """One row with the number that a spreadsheet program shows in front of it."""

    number: int
    cells: list[Cell]
