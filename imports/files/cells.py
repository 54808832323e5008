"""Cells and rows of an imported file, and the error raised when the file cannot be read."""

import unicodedata
from typing import NamedTuple

from core import keys

_UNSEEN_CATEGORIES = frozenset({"Cc", "Mn", "Me"})


class UnreadableFile(Exception):
    """The file cannot be read; the message says where and what to do."""


class NumberCell(str):
    """A cell that the spreadsheet stores as a number, so leading zeros are lost."""

    __slots__ = ()


class ConvertedCell(str):
    """A cell that holds a date, a time, or yes or no: what a spreadsheet program makes of such text."""

    __slots__ = ()


class InvalidCell(str):
    """An unusable cell, as displayed, "" when nothing is; `advice` says what to do about it."""

    __slots__ = ("advice",)
    advice: str

    def __new__(cls, shown: str, advice: str) -> "InvalidCell":
        cell = super().__new__(cls, shown)
        cell.advice = advice
        return cell


Cell = str


def is_blank(text: str) -> bool:
    """Return whether nothing of `text` is visible: white space, control characters, marks and fillers."""
    return all(
        keys.is_blank(char) or keys.is_ignorable(char) or unicodedata.category(char) in _UNSEEN_CATEGORIES
        for char in text
    )


def join_surrogates(text: str) -> str:
    """Return `text` with surrogate pairs joined, and lone surrogates, which cannot be encoded, as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class FileRow(NamedTuple):
    """A row with its number as a spreadsheet program displays it."""

    number: int
    cells: list[Cell]
