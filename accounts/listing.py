"""The list of gebruikers AK: search, filters, sorting, and pages by key instead of by number.

A page costs the same however long the list is: it starts at the key of its first row (keyset paging).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Lower

from accounts.models import NEVER, User
from accounts.status import with_status
from loket.text import fold

PAGE = 50
SORTS: dict[str, Combinable] = {
    "name": F("sort_name"),
    "username": Coalesce("username_key", Value("")),
    "email": Lower("email"),
    "last_login": Coalesce("last_login", NEVER),
}


@dataclass(frozen=True)
class Page:
    """One page of the list, with the query strings of its neighbours; '' where there is none."""

    users: Sequence[User]
    previous_query: str
    next_query: str


def matching(users: QuerySet[User], *, q: str, login_method: str, status: str) -> QuerySet[User]:
    """Return those of `users` in whom every word of `q` occurs, of that kind and status; '' means any."""
    users = with_status(users)
    for word in fold(q).split():
        users = users.filter(search_text__contains=word)
    if login_method:
        users = users.filter(login_method=login_method)
    if status:
        users = users.filter(Q(status=status))
    return users


def page_of(users: QuerySet[User], *, sort: str, cursor: str, size: int = PAGE) -> Page:
    """Return the page of `users`, sorted on a key of SORTS ('-' in front: downwards), that `cursor` points at.

    An unknown sort is by name, a damaged cursor is the first page. One query.
    """
    downwards, name = sort.startswith("-"), sort.lstrip("-")
    if name not in SORTS:
        name, downwards = "name", False
    start = _read(cursor, name)
    backwards = start is not None and start.backwards
    rows = users.annotate(sort_key=SORTS[name])
    falling = downwards != backwards
    if start is not None:
        rows = rows.filter(_beyond(start, falling))
    order = ("-sort_key", "-pk") if falling else ("sort_key", "pk")
    found = list(rows.order_by(*order)[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    before = more if backwards else start is not None
    after = True if backwards else more
    return Page(
        users=found,
        previous_query=_written(found[0], name, backwards=True) if found and before else "",
        next_query=_written(found[-1], name, backwards=False) if found and after else "",
    )


@dataclass(frozen=True)
class _Start:
    key: Any
    id: UUID
    backwards: bool


def _beyond(start: _Start, falling: bool) -> Q:
    """Return the rows after the start; the first half alone is what the index can use."""
    if falling:
        return Q(sort_key__lte=start.key) & (Q(sort_key__lt=start.key) | Q(pk__lt=start.id))
    return Q(sort_key__gte=start.key) & (Q(sort_key__gt=start.key) | Q(pk__gt=start.id))


def _written(user: User, name: str, *, backwards: bool) -> str:
    key = user.sort_key  # type: ignore[attr-defined]
    plain = key.isoformat() if isinstance(key, datetime) else key
    return signing.b64_encode(json.dumps([name, plain, user.pk.hex, backwards]).encode()).decode()


def _read(cursor: str, name: str) -> _Start | None:
    try:
        sort, plain, id_, backwards = json.loads(signing.b64_decode(cursor.encode()))
        key = datetime.fromisoformat(plain).astimezone(UTC) if name == "last_login" else str(plain)
        str(plain).encode()  # JSON can spell half a surrogate pair, which no database takes
        start = _Start(key, UUID(hex=id_), bool(backwards))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return start if sort == name and "\x00" not in str(plain) else None


def query(**values: str) -> str:
    """Return '?…' with those of `values` that are not empty."""
    return "?" + urlencode({name: value for name, value in values.items() if value})
