"""The filter language of lists: `field op value`, combined with `and`, `or` and parentheses.

Values are 'text' (a quote is doubled), a number, `true`, `false` or `null`; dates and times are texts. `and` binds
stronger than `or`. Names, words and texts are compared regardless of case. Length, parentheses and comparisons are
limited before parsing, so that recursion stays shallow: see `_MAX_CHARACTERS`, `_MAX_PARENTHESES` and
`_MAX_COMPARISONS`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

from django.db.models import DecimalField, Expression, F, Q, QuerySet, Value
from django.db.models.functions import Collate, Upper
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext as _

from api.errors import ApiError, build_scope_error
from core.keys import KeyFunction
from oauth.scopes import Scope
from oauth.tokens import Caller

_MAX_CHARACTERS, _MAX_PARENTHESES, _MAX_COMPARISONS = 2_000, 20, 50
_TOKEN_PATTERN = re.compile(
    r"(?P<open>\()|(?P<close>\))|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d{1,18}(?:\.\d{1,9})?(?![\w.]))|(?P<word>[A-Za-z][A-Za-z.]*)",
    re.A,
)
_WHITESPACE_PATTERN = re.compile(r"[ \t\r\n]*")
_ORDERING_LOOKUPS = {"gt": GreaterThan, "ge": GreaterThanOrEqual, "lt": LessThan, "le": LessThanOrEqual}
_OPERATORS = ("eq", "ne", "lk", *_ORDERING_LOOKUPS)


class FieldType(Enum):
    """Type of a field, which determines the allowed values and operators."""

    TEXT = "text"
    KEY = "code"
    ID = "UUID"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "date and time"


@dataclass(frozen=True)
class FilterField:
    """A field for filtering and sorting: its column or annotation, and its type.

    `expression` computes the annotation, for lists that name the field. `related` returns the rows of an office of
    which the column is, each with a `user_id`: a user can have several, so there is no order by them. With `key`, texts
    are the same when their keys are; the column with `_key` behind its name holds them. `scope` is what a token needs
    for the field besides the scope of the list.
    """

    column: str
    type: FieldType = FieldType.TEXT
    expression: Expression | None = None
    related: Callable[[UUID], QuerySet[Any]] | None = None
    key: KeyFunction | None = None
    scope: Scope | None = None


def find_field(fields: Mapping[str, FilterField], name: str) -> FilterField | None:
    """Return the field `name`, regardless of case."""
    return next((field for known, field in fields.items() if known.lower() == name.lower()), None)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_filter(text: str, fields: Mapping[str, FilterField], caller: Caller | None = None) -> Q:
    """Parse a filter of rows of the caller's office.

    Raises ApiError: 400 with the position of the first error, 403 for a field beyond the scopes of the caller.
    """
    if len(text) > _MAX_CHARACTERS or text.count("(") > _MAX_PARENTHESES:
        limit = {"characters": _MAX_CHARACTERS, "parentheses": _MAX_PARENTHESES}
        message = _("A filter can have at most %(characters)d characters and %(parentheses)d parentheses.") % limit
        raise ApiError(400, "filter", message, field="filter")
    reader = _FilterParser(_tokenize(text), fields, len(text), caller)
    condition = reader.parse_or()
    if (rest := reader.advance()).kind != "end":
        raise _syntax_error(rest, _("“and”, “or” or the end"))
    return condition


def _tokenize(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while True:
        space = _WHITESPACE_PATTERN.match(text, at)
        at = space.end() if space else at
        if at == len(text):
            return found
        match = _TOKEN_PATTERN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _syntax_error(_Token("", text[at], at), _("a field, an operator, a value or a parenthesis"))
        found.append(_Token(match.lastgroup, match[0], at))
        at = match.end()


def _syntax_error(token: _Token, expected: str) -> ApiError:
    """Return the error for an unexpected token, with its position counted from 1."""
    shown = f"“{token.text[:30]}”" if token.text else _("the end")
    values = {"place": token.at + 1, "found": shown, "expected": expected}
    text = _("At character %(place)d of the filter: %(expected)s was expected, not %(found)s.") % values
    return ApiError(400, "filter", text, field="filter")


class _FilterParser:
    """Recursive descent parser. The number of parentheses is limited, and so is the depth."""

    def __init__(
        self, tokens: list[_Token], fields: Mapping[str, FilterField], end: int, caller: Caller | None
    ) -> None:
        self.provider_id = caller.user.provider_id if caller else None
        self.scopes = caller.scopes if caller else frozenset()
        self.tokens, self.fields, self.end = iter(tokens), fields, _Token("end", "", end)
        self.lookahead = next(self.tokens, self.end)
        self.terms = 0

    def advance(self) -> _Token:
        """Consume and return the next token."""
        token, self.lookahead = self.lookahead, next(self.tokens, self.end)
        return token

    def parse_or(self) -> Q:
        """Parse terms joined by `or`."""
        condition = self.parse_and()
        while self.lookahead.text.lower() == "or":
            self.advance()
            condition |= self.parse_and()
        return condition

    def parse_and(self) -> Q:
        """Parse terms joined by `and`."""
        condition = self.parse_comparison()
        while self.lookahead.text.lower() == "and":
            self.advance()
            condition &= self.parse_comparison()
        return condition

    def parse_comparison(self) -> Q:
        """Parse a comparison or an expression in parentheses."""
        if self.lookahead.kind == "open":
            self.advance()
            condition = self.parse_or()
            if (closing := self.advance()).kind != "close":
                raise _syntax_error(closing, "“)”")
            return condition
        self.terms += 1
        if self.terms > _MAX_COMPARISONS:
            message = _("A filter can have at most %(terms)d comparisons.") % {"terms": _MAX_COMPARISONS}
            raise ApiError(400, "filter", message, field="filter")
        name, operator, value = self.advance(), self.advance(), self.advance()
        field = find_field(self.fields, name.text) if name.kind == "word" else None
        if field is None:
            raise _syntax_error(name, _("one of the fields %(names)s") % {"names": ", ".join(self.fields)})
        if field.scope is not None and field.scope not in self.scopes:
            raise build_scope_error(field.scope)
        if operator.text.lower() not in _OPERATORS:
            raise _syntax_error(operator, _("one of %(names)s") % {"names": ", ".join(_OPERATORS)})
        return _build_comparison(field, replace(operator, text=operator.text.lower()), value, self.provider_id)


def _build_comparison(field: FilterField, operator: _Token, value: _Token, provider_id: UUID | None) -> Q:
    if operator.text == "lk" and field.type is not FieldType.TEXT:
        raise _syntax_error(operator, _("an operator other than lk, which is for text"))
    if operator.text in _ORDERING_LOOKUPS and field.type in (FieldType.KEY, FieldType.ID, FieldType.BOOLEAN):
        raise _syntax_error(operator, _("eq or ne"))
    is_null = value.text.lower() == "null"
    if is_null and operator.text not in ("eq", "ne"):
        raise _syntax_error(operator, _("eq or ne"))
    if field.related is not None:
        return _build_related_comparison(
            field.related(cast(UUID, provider_id)), field, operator, value, is_null=is_null
        )
    if is_null:
        empty = Q(**{f"{field.column}__isnull": True})
        empty = empty | Q(**{field.column: ""}) if field.type is FieldType.TEXT else empty
        return empty if operator.text == "eq" else ~empty
    same = _build_value_comparison(field, "eq" if operator.text == "ne" else operator.text, value)
    return Q(**{f"{field.column}__isnull": True}) | ~same if operator.text == "ne" else same


def _build_related_comparison(
    rows: QuerySet[Any], field: FilterField, operator: _Token, value: _Token, *, is_null: bool
) -> Q:
    """Compare each of the related values: `ne` means that none is equal, `null` that there is none."""
    if not is_null:
        rows = rows.filter(_build_value_comparison(field, "eq" if operator.text == "ne" else operator.text, value))
    found = Q(pk__in=rows.values("user_id"))
    return ~found if (operator.text == "ne") is not is_null else found


def _build_value_comparison(field: FilterField, operator: str, value: _Token) -> Q:
    parsed = _VALUE_PARSERS[field.type](value)
    is_text = field.type in (FieldType.TEXT, FieldType.KEY)
    key = field.key(parsed) if field.key else ""
    if field.key and operator == "eq":
        return Q(**{f"{field.column}_key": key})
    if is_text and operator in ("lk", "eq"):
        part = Q(**{f"{field.column}__{'icontains' if operator == 'lk' else 'iexact'}": parsed})
        return part | Q(**{f"{field.column}_key__contains": key}) if key else part
    if operator == "eq" and field.type is not FieldType.NUMBER:
        return Q(**{field.column: parsed})
    lookup = Exact if operator == "eq" else _ORDERING_LOOKUPS[operator]
    if is_text:  # by code point, independent of the collation of the database
        return Q(lookup(Collate(Upper(F(field.column)), "C"), Upper(Value(parsed))))
    output = DecimalField() if field.type is FieldType.NUMBER else None
    return Q(lookup(F(field.column), Value(parsed, output_field=output)))


def _parse_text(token: _Token) -> str:
    text = token.text[1:-1].replace("''", "'")
    if token.kind != "text" or "\x00" in text:
        raise _syntax_error(token, _("a string in single quotes"))
    return text


def _parse_uuid(token: _Token) -> UUID:
    try:
        return UUID(_parse_text(token))
    except ValueError:
        raise _syntax_error(token, _("a UUID in single quotes")) from None


def _parse_number(token: _Token) -> Decimal:
    if token.kind != "number":
        raise _syntax_error(token, _("a number"))
    return Decimal(token.text)


def _parse_boolean(token: _Token) -> bool:
    if token.text.lower() not in ("true", "false"):
        raise _syntax_error(token, _("true or false"))
    return token.text.lower() == "true"


def _parse_date(token: _Token) -> date:
    try:
        return datetime.fromisoformat(_parse_text(token)).date()
    except ValueError:
        raise _syntax_error(token, _("a date such as '2026-11-24'")) from None


def _parse_datetime(token: _Token) -> datetime:
    """Return the date and time. A date means its midnight; without a zone, the office's time zone applies."""
    text = _parse_text(token)
    try:
        day = len(text) == 10
        found = datetime.combine(date.fromisoformat(text), time()) if day else datetime.fromisoformat(text)
        aware = found if found.tzinfo else timezone.make_aware(found)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _syntax_error(token, _("a date and time such as '2026-11-24T09:30:00Z'")) from None


_VALUE_PARSERS: dict[FieldType, Callable[[_Token], Any]] = {
    FieldType.TEXT: _parse_text,
    FieldType.KEY: _parse_text,
    FieldType.ID: _parse_uuid,
    FieldType.NUMBER: _parse_number,
    FieldType.BOOLEAN: _parse_boolean,
    FieldType.DATE: _parse_date,
    FieldType.DATETIME: _parse_datetime,
}
