"""Keyset paging: a page starts at the key of a row instead of at an offset.

Every page costs the same, however long the list is.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypedDict, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.utils.formats import number_format
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

PAGE_SIZE = 50
MAX_COUNT = 10_000  # rows of a list are counted up to here
NAME_SORT: Mapping[str, Combinable] = {"name": F("sort_name")}
PagedModelT = TypeVar("PagedModelT", bound=Model)


class _HasId(Protocol):
    @property
    def id(self) -> UUID: ...


ListItemT = TypeVar("ListItemT", bound=_HasId)
OtherListItemT = TypeVar("OtherListItemT", bound=_HasId)


@dataclass(frozen=True)
class KeysetPage(Generic[PagedModelT]):
    """One page of a queryset with the cursors of the pages before and after it, '' if there is none."""

    rows: Sequence[PagedModelT]
    previous: str
    next: str


def paginate_queryset(
    rows: QuerySet[PagedModelT, Any],  # not `QuerySet[PagedModelT]`, with which mypy forgets the annotations
    *,
    cursor: str,
    sort: str = "name",
    sorts: Mapping[str, Combinable] = NAME_SORT,
    datetime_sorts: Collection[str] = (),
    date_sorts: Collection[str] = (),
    size: int = PAGE_SIZE,
) -> KeysetPage[PagedModelT]:
    """Return the page of `rows` at `cursor`, sorted on a key of `sorts` (descending with a leading '-').

    `datetime_sorts` are the sorts on a datetime, `date_sorts` those on a date; all others are on text. An unknown sort
    falls back to the first one, a damaged cursor to the first page. One query.
    """
    downwards, name = sort.startswith("-"), sort.lstrip("-")
    if name not in sorts:
        name, downwards = next(iter(sorts)), False
    parse = _parse_datetime if name in datetime_sorts else date.fromisoformat if name in date_sorts else str
    keyed: QuerySet[Any] = rows.annotate(sort_key=sorts[name])

    def fetch_rows(start: PageCursor | None, falling: bool, limit: int) -> list[PagedModelT]:
        beyond = keyed.filter(_build_cursor_filter(start, falling)) if start else keyed
        return list(beyond.order_by(*(("-sort_key", "-pk") if falling else ("sort_key", "pk")))[:limit])

    return _paginate(fetch_rows, cursor, name, downwards=downwards, parse=parse, size=size)


def paginate_newest_first(fetch_rows: "FetchRows[PagedModelT]", *, cursor: str) -> KeysetPage[PagedModelT]:
    """Return the page at `cursor` of rows that `fetch_rows` finds, whose `sort_key` is a datetime."""
    return _paginate(fetch_rows, cursor, "at", downwards=True, parse=_parse_datetime)


def _paginate(
    fetch_rows: "FetchRows[PagedModelT]",
    cursor: str,
    name: str,
    *,
    downwards: bool,
    parse: Callable[[str], Any],
    size: int = PAGE_SIZE,
) -> KeysetPage[PagedModelT]:
    start = _decode_cursor(cursor, name, parse)
    backwards = start is not None and start.backwards
    found: list[Any] = fetch_rows(start, downwards != backwards, size + 1)
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    before = more if backwards else start is not None
    after = True if backwards else more
    return KeysetPage(
        rows=found,
        previous=_encode_cursor(found[0], name, backwards=True) if found and before else "",
        next=_encode_cursor(found[-1], name, backwards=False) if found and after else "",
    )


class _SortKey(TypedDict):
    """The value that the list is sorted on."""

    sort_key: Any


_KeyedRow: TypeAlias = "WithAnnotations[Model, _SortKey]"


@dataclass(frozen=True)
class PageCursor:
    """The row that a page starts beyond; `backwards` for the page before it."""

    key: Any
    id: UUID
    backwards: bool = False


# Return at most so many rows beyond the cursor, or from the first one, in falling or rising order; each has `sort_key`.
FetchRows: TypeAlias = Callable[[PageCursor | None, bool, int], list[PagedModelT]]


def _build_cursor_filter(start: PageCursor, falling: bool) -> Q:
    """Return the filter for rows beyond the cursor; the index can use its first half only."""
    if falling:
        return Q(sort_key__lte=start.key) & (Q(sort_key__lt=start.key) | Q(pk__lt=start.id))
    return Q(sort_key__gte=start.key) & (Q(sort_key__gt=start.key) | Q(pk__gt=start.id))


def _encode_cursor(row: _KeyedRow, name: str, *, backwards: bool) -> str:
    key = row.sort_key
    plain = key.isoformat() if isinstance(key, date) else key
    return signing.b64_encode(json.dumps([name, plain, row.pk.hex, backwards]).encode()).decode()


def _parse_datetime(plain: str) -> datetime:
    return datetime.fromisoformat(plain).astimezone(UTC)


def _decode_cursor(cursor: str, name: str, key_of: Callable[[str], Any]) -> PageCursor | None:
    try:
        sort, plain, id_, backwards = json.loads(signing.b64_decode(cursor.encode()))
        key = key_of(plain)
        str(plain).encode()  # JSON can hold a lone surrogate, which no database accepts
        start = PageCursor(key, UUID(hex=id_), bool(backwards))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return start if sort == name and "\x00" not in str(plain) else None


@dataclass(frozen=True)
class ListPage(Generic[ListItemT]):
    """One page of a list in memory with the cursors of the pages before and after it."""

    rows: list[ListItemT]
    previous: str
    next: str

    def replace_rows(self, rows: list[OtherListItemT]) -> "ListPage[OtherListItemT]":
        """Return the same page with `rows` in place of its own."""
        return ListPage(rows, self.previous, self.next)


def paginate_list(rows: Sequence[ListItemT], *, cursor: str) -> ListPage[ListItemT]:
    """Return the page of `rows` at `cursor`; a damaged cursor falls back to the first page.

    A cursor is the id of the row before the page, or with a leading '-' of the row after it.
    """
    places = {f"{row.id}": number for number, row in enumerate(rows)}
    place, start = places.get(cursor.lstrip("-")), 0
    if place is not None:
        start = max(place - PAGE_SIZE, 0) if cursor.startswith("-") else place + 1
    found = list(rows[start : start + PAGE_SIZE])
    return ListPage(
        rows=found,
        previous=f"-{found[0].id}" if found and start else "",
        next=f"{found[-1].id}" if start + PAGE_SIZE < len(rows) else "",
    )


def build_query_string(**values: str | Sequence[str]) -> str:
    """Return the query string without empty values; a list is written as often as it has members."""
    return "?" + urlencode({name: value for name, value in values.items() if value}, doseq=True)


def count_bounded(rows: QuerySet[Any, Any], page: "KeysetPage[Any] | None" = None) -> int:
    """Return the number of rows, or MAX_COUNT + 1 if there are more: counting stops there.

    No query when `page` holds them all.
    """
    if page and page.rows and not page.previous and not page.next:
        return len(page.rows)
    return rows.order_by().values("pk")[: MAX_COUNT + 1].count()


def format_count(count: int) -> str:
    """Return what `count_bounded` counted, with thousands grouped: "1,032", or "over 10,000"."""
    text = number_format(min(count, MAX_COUNT), force_grouping=True)
    return _("over %(count)s") % {"count": text} if count > MAX_COUNT else text


def format_short_count(count: int, limit: int = MAX_COUNT) -> str:
    """Return a count for a narrow place, with a plus beyond `limit`: "1,032", or "10,000+"."""
    shown = number_format(min(count, limit), force_grouping=True)
    return f"{shown}+" if count > limit else shown


@dataclass(frozen=True)
class PageRange:
    """Where a page is in its list, as far as is known: "1–50 of 1,032"."""

    first: int  # 0 when the page was opened at a cursor alone
    last: int
    total: int  # see `count_bounded`

    def __str__(self) -> str:
        total = format_count(self.total)
        if not self.first or not self.total:
            return total
        span = f"{number_format(self.first, force_grouping=True)}–{number_format(self.last, force_grouping=True)}"
        return _("%(span)s of %(total)s") % {"span": span, "total": total}


def build_page_range(page: "KeysetPage[Any]", *, total: int, at: str) -> PageRange:
    """Return the range of `page`, whose first row is number `at` of the list according to its URL."""
    first = int(at) if re.fullmatch("[1-9][0-9]{0,8}", at) and page.previous else 0 if page.previous else 1
    return PageRange(first, first + len(page.rows) - 1, total)


def build_pager_context(
    page: KeysetPage[Any] | ListPage[Any], /, *, parameter: str = "page", **values: str | Sequence[str]
) -> dict[str, str]:
    """Return the context of `_pagination.html`: the URLs around `page`; `parameter` names the query parameter."""
    return {
        "previous_url": page.previous and build_query_string(**values, **{parameter: page.previous}),
        "next_url": page.next and build_query_string(**values, **{parameter: page.next}),
    }


def build_counted_pager_context(page: KeysetPage[Any], span: PageRange, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context of a list that counts its rows: the URLs around `page` say where the next one begins."""
    context: dict[str, Any] = {"span": span, **build_pager_context(page, **values)}
    for name, at in (("previous_url", max(span.first - PAGE_SIZE, 1)), ("next_url", span.last + 1)):
        if span.first and context[name]:
            context[name] += f"&at={at}"
    return context
