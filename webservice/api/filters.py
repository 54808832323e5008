"""The filter language of lists: `field op value`, combined with `and`, `or` and parentheses.

Values are 'text' (a quote is doubled), a number, `true`, `false` or `null`; dates and times are texts. `and` binds
stronger than `or`. Length, parentheses and comparisons are limited before parsing, so that recursion stays shallow: see
_MOST.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import F, Q, Value
from django.db.models.functions import Collate
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext as _

from webservice.api.faults import Fault

_MOST_CHARACTERS, _MOST_PARENTHESES, _MOST_TERMS = 2_000, 20, 50
_TOKEN = re.compile(
    r"(?P<open>\()|(?P<close>\))|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d{1,18}(?![\w.]))|(?P<word>[A-Za-z][A-Za-z.]*)",
    re.A,
)
_SPACE = re.compile(r"[ \t\r\n]*")
_ORDERINGS = {"gt": GreaterThan, "ge": GreaterThanOrEqual, "lt": LessThan, "le": LessThanOrEqual}
_OPERATORS = ("eq", "ne", "lk", *_ORDERINGS)


class Kind(Enum):
    """Type of a field, which determines the allowed values and operators."""

    TEXT = "text"
    KEY = "key"
    ID = "id"
    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"


@dataclass(frozen=True)
class Field:
    """A field for filtering and sorting: its column or annotation, and its type."""

    column: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parsed(text: str, fields: Mapping[str, Field]) -> Q:
    """Parse a filter into a condition. Raises Fault (400) with the position of the first error."""
    if len(text) > _MOST_CHARACTERS or text.count("(") > _MOST_PARENTHESES:
        limit = {"characters": _MOST_CHARACTERS, "parentheses": _MOST_PARENTHESES}
        message = _("A filter can have at most %(characters)d characters and %(parentheses)d parentheses.") % limit
        raise Fault(400, "filter", message, field="filter")
    reader = _Reader(_tokens(text), fields, len(text))
    condition = reader.either()
    if (rest := reader.next()).kind != "end":
        raise _wrong(rest, _("“and”, “or” or the end"))
    return condition


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at == len(text):
            return found
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _wrong(_Token("", text[at], at), _("a field, an operator, a value or a parenthesis"))
        found.append(_Token(match.lastgroup, match[0], at))
        at = match.end()


def _wrong(token: _Token, expected: str) -> Fault:
    """Return the error for an unexpected token, with its position counted from 1."""
    shown = f"“{token.text[:30]}”" if token.text else _("the end")
    values = {"place": token.at + 1, "found": shown, "expected": expected}
    text = _("At character %(place)d of the filter: %(expected)s was expected, not %(found)s.") % values
    return Fault(400, "filter", text, field="filter")


class _Reader:
    """Recursive descent parser. The number of parentheses is limited, and so is the depth."""

    def __init__(self, tokens: list[_Token], fields: Mapping[str, Field], end: int) -> None:
        self.tokens, self.fields, self.end = iter(tokens), fields, _Token("end", "", end)
        self.ahead = next(self.tokens, self.end)
        self.terms = 0

    def next(self) -> _Token:
        """Consume and return the next token."""
        token, self.ahead = self.ahead, next(self.tokens, self.end)
        return token

    def either(self) -> Q:
        """Parse terms joined by `or`."""
        condition = self.both()
        while self.ahead.text == "or":
            self.next()
            condition |= self.both()
        return condition

    def both(self) -> Q:
        """Parse terms joined by `and`."""
        condition = self.term()
        while self.ahead.text == "and":
            self.next()
            condition &= self.term()
        return condition

    def term(self) -> Q:
        """Parse a comparison or an expression in parentheses."""
        if self.ahead.kind == "open":
            self.next()
            condition = self.either()
            if (closing := self.next()).kind != "close":
                raise _wrong(closing, "“)”")
            return condition
        self.terms += 1
        if self.terms > _MOST_TERMS:
            message = _("A filter can have at most %(terms)d comparisons.") % {"terms": _MOST_TERMS}
            raise Fault(400, "filter", message, field="filter")
        name, operator, value = self.next(), self.next(), self.next()
        if name.kind != "word" or name.text not in self.fields:
            raise _wrong(name, _("one of the fields %(names)s") % {"names": ", ".join(self.fields)})
        if operator.text not in _OPERATORS:
            raise _wrong(operator, _("one of %(names)s") % {"names": ", ".join(_OPERATORS)})
        return _comparison(self.fields[name.text], operator, value)


def _comparison(field: Field, operator: _Token, value: _Token) -> Q:
    if operator.text == "lk" and field.kind is not Kind.TEXT:
        raise _wrong(operator, _("an operator other than lk, which is for text"))
    if operator.text in _ORDERINGS and field.kind in (Kind.KEY, Kind.ID, Kind.FLAG):
        raise _wrong(operator, _("eq or ne"))
    if value.text == "null":
        if operator.text not in ("eq", "ne"):
            raise _wrong(operator, _("eq or ne"))
        empty = Q(**{f"{field.column}__isnull": True})
        empty = empty | Q(**{field.column: ""}) if field.kind is Kind.TEXT else empty
        return empty if operator.text == "eq" else ~empty
    wanted = _READ[field.kind](value)
    if operator.text == "lk":
        return Q(**{f"{field.column}__icontains": wanted})
    if operator.text in _ORDERINGS:
        # Compare texts by code point, independent of the collation of the database.
        of_text = field.kind is Kind.TEXT
        column = Collate(F(field.column), "C") if of_text else F(field.column)
        return Q(_ORDERINGS[operator.text](column, Value(wanted)))
    same = Q(**{field.column: wanted})
    return same if operator.text == "eq" else Q(**{f"{field.column}__isnull": True}) | ~same


def _quoted(token: _Token) -> str:
    text = token.text[1:-1].replace("''", "'")
    if token.kind != "text" or "\x00" in text:
        raise _wrong(token, _("a string in single quotes"))
    return text


def _id(token: _Token) -> UUID:
    try:
        return UUID(_quoted(token))
    except ValueError:
        raise _wrong(token, _("a UUID in single quotes")) from None


def _number(token: _Token) -> int:
    if token.kind != "number":
        raise _wrong(token, _("an integer"))
    return int(token.text)


def _flag(token: _Token) -> bool:
    if token.text not in ("true", "false"):
        raise _wrong(token, _("true or false"))
    return token.text == "true"


def _moment(token: _Token) -> datetime:
    """Return the date and time. A date means its midnight; without a zone, the office's time zone applies."""
    text = _quoted(token)
    try:
        day = len(text) == 10
        found = datetime.combine(date.fromisoformat(text), time()) if day else datetime.fromisoformat(text)
        aware = found if found.tzinfo else timezone.make_aware(found)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong(token, _("a moment such as '2026-11-24T09:30:00Z'")) from None


_READ: dict[Kind, Callable[[_Token], Any]] = {
    Kind.TEXT: _quoted,
    Kind.KEY: _quoted,
    Kind.ID: _id,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.MOMENT: _moment,
}
