"""Cells and rows of an imported file, and the error raised when the file cannot be read."""

from typing import NamedTuple


class Unreadable(Exception):
    """The file cannot be read; the message says where and what to do."""


class Number(str):
    """A cell that the spreadsheet stores as a number, so leading zeros are lost."""

    __slots__ = ()


class Odd(str):
    """An unusable cell, as displayed; `fault` says what to do about it."""

    __slots__ = ("fault",)
    fault: str

    def __new__(cls, shown: str, fault: str) -> "Odd":
        made = super().__new__(cls, shown)
        made.fault = fault
        return made


Cell = str


class Row(NamedTuple):
    """A row with its number as a spreadsheet program displays it."""

    number: int
    cells: list[Cell]
