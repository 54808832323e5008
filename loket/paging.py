"""Keyset paging: a page starts at the key of a row instead of at an offset.

Every page costs the same, however long the list is.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import Combinable

PAGE = 50
BY_NAME: Mapping[str, Combinable] = {"name": F("sort_name")}
Row = TypeVar("Row", bound=Model)


class _HasId(Protocol):
    @property
    def id(self) -> UUID: ...


One = TypeVar("One", bound=_HasId)
Other = TypeVar("Other", bound=_HasId)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a queryset with the cursors of the pages before and after it; '' where there is none."""

    rows: Sequence[Row]
    previous: str
    next: str


def page_of(
    rows: QuerySet[Row],
    *,
    cursor: str,
    sort: str = "name",
    sorts: Mapping[str, Combinable] = BY_NAME,
    moments: Collection[str] = (),
    days: Collection[str] = (),
    size: int = PAGE,
) -> Page[Row]:
    """Return the page of `rows` at `cursor`, sorted on a key of `sorts` (descending with a leading '-').

    `moments` are the sorts on a datetime, `days` those on a date; all others are on text. An unknown sort falls back to
    the first one, a damaged cursor to the first page. One query.
    """
    downwards, name = sort.startswith("-"), sort.lstrip("-")
    if name not in sorts:
        name, downwards = next(iter(sorts)), False
    start = _read(cursor, name, _moment if name in moments else date.fromisoformat if name in days else str)
    backwards = start is not None and start.backwards
    keyed: QuerySet[Any] = rows.annotate(sort_key=sorts[name])
    falling = downwards != backwards
    if start is not None:
        keyed = keyed.filter(_beyond(start, falling))
    order = ("-sort_key", "-pk") if falling else ("sort_key", "pk")
    found = list(keyed.order_by(*order)[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    before = more if backwards else start is not None
    after = True if backwards else more
    return Page(
        rows=found,
        previous=_written(found[0], name, backwards=True) if found and before else "",
        next=_written(found[-1], name, backwards=False) if found and after else "",
    )


@dataclass(frozen=True)
class _Start:
    key: Any
    id: UUID
    backwards: bool


def _beyond(start: _Start, falling: bool) -> Q:
    """Return the filter for rows beyond the cursor; the index can use its first half only."""
    if falling:
        return Q(sort_key__lte=start.key) & (Q(sort_key__lt=start.key) | Q(pk__lt=start.id))
    return Q(sort_key__gte=start.key) & (Q(sort_key__gt=start.key) | Q(pk__gt=start.id))


def _written(row: Model, name: str, *, backwards: bool) -> str:
    key = row.sort_key  # type: ignore[attr-defined]
    plain = key.isoformat() if isinstance(key, date) else key
    return signing.b64_encode(json.dumps([name, plain, row.pk.hex, backwards]).encode()).decode()


def _moment(plain: str) -> datetime:
    return datetime.fromisoformat(plain).astimezone(UTC)


def _read(cursor: str, name: str, key_of: Callable[[str], Any]) -> _Start | None:
    try:
        sort, plain, id_, backwards = json.loads(signing.b64_decode(cursor.encode()))
        key = key_of(plain)
        str(plain).encode()  # JSON can hold a lone surrogate, which no database accepts
        start = _Start(key, UUID(hex=id_), bool(backwards))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return start if sort == name and "\x00" not in str(plain) else None


@dataclass(frozen=True)
class Part(Generic[One]):
    """One page of a list in memory with the cursors of the pages before and after it."""

    rows: list[One]
    previous: str
    next: str

    def having(self, rows: list[Other]) -> "Part[Other]":
        """Return the same page with `rows` in place of its own."""
        return Part(rows, self.previous, self.next)


def part_of(rows: Sequence[One], *, cursor: str, size: int = PAGE) -> Part[One]:
    """Return the page of `rows` at `cursor`; a damaged cursor falls back to the first page.

    A cursor is the id of the row before the page, or with a leading '-' of the row after it.
    """
    places = {f"{row.id}": number for number, row in enumerate(rows)}
    place, start = places.get(cursor.lstrip("-")), 0
    if place is not None:
        start = max(place - size, 0) if cursor.startswith("-") else place + 1
    found = list(rows[start : start + size])
    return Part(
        rows=found,
        previous=f"-{found[0].id}" if found and start else "",
        next=f"{found[-1].id}" if start + size < len(rows) else "",
    )


def query(**values: str) -> str:
    """Return a query string with the non-empty `values`."""
    return "?" + urlencode({name: value for name, value in values.items() if value})


def neighbours(page: Page[Any] | Part[Any], *, cursor: str = "page", **values: str) -> dict[str, str]:
    """Return the context of `_pagination.html`: the URLs around `page`; `cursor` names the query parameter."""
    return {
        "previous_url": page.previous and query(**values, **{cursor: page.previous}),
        "next_url": page.next and query(**values, **{cursor: page.next}),
    }
