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


class FileRow(NamedTuple):
    """A row with its number as a spreadsheet program displays it."""

    number: int
    cells: list[Cell]
