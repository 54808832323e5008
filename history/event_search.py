"""Search in the audit log of an office, by statements whose plans do not depend on the number of events.

No filter goes through events that it does not return: a statement takes the newest events of each of a few ranges of an
index and merges them. A range holds the events of one target or actor, or those with one combination of verb, kind of
target and origin. An office has some dozens of combinations, which a recursive query steps through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections, router

from accounts.models import User
from accounts.search import filter_by_search
from audit.models import Event
from core.dates import get_day_start
from core.paging import MAX_COUNT, PageCursor

_CHUNK_SIZE = 1000
_MAX_RANGED_USERS = 1000  # with more users, so many events match that reading all events, newest first, is faster
_COMBINATIONS_SQL = """
WITH RECURSIVE combination AS (
    (SELECT verb, target_kind, origin FROM audit_event WHERE provider_id = %(provider)s
    ORDER BY verb, target_kind, origin LIMIT 1)
    UNION ALL
    SELECT following.* FROM combination last CROSS JOIN LATERAL (
        SELECT verb, target_kind, origin FROM audit_event WHERE provider_id = %(provider)s
            AND (verb, target_kind, origin) > (last.verb, last.target_kind, last.origin)
        ORDER BY verb, target_kind, origin LIMIT 1
    ) following
), matching AS (SELECT * FROM combination WHERE {facets})
"""
_RANGE_SQL = """
(SELECT {columns} FROM audit_event event WHERE provider_id = %(provider)s AND {conditions}
ORDER BY at {direction}, id {direction} LIMIT {limit})
"""
_MERGED_SQL = """
(SELECT DISTINCT {merged} FROM {source} CROSS JOIN LATERAL ({ranges}) page
ORDER BY page.at {direction}, page.id {direction} LIMIT {limit})
"""
_PAGE_SQL = """
{combinations}
SELECT event.*, event.at AS sort_key FROM {found} found JOIN audit_event event USING (id)
ORDER BY event.at {direction}, event.id {direction}
"""
_COUNT_SQL = "{combinations} SELECT count(*) FROM {found} found"
_ACT_SQL = "correlation_id = %(correlation)s AND correlation_id <> ''"
_INVOLVED_SQL = "(actor_id IN (SELECT unnest(%(users)s::uuid[])) OR target_id IN (SELECT unnest(%(users)s::uuid[])))"


@dataclass(frozen=True)
class EventSearch:
    """Which events of an office are asked for."""

    provider_id: UUID
    subject: UUID | None = None  # who is the target or actor
    users: Sequence[UUID] | None = None  # of whom one is the target or actor
    facets: dict[str, str] = field(default_factory=dict)  # values of verb, target_kind and origin
    since: datetime | None = None
    before: datetime | None = None
    correlation_id: str = ""  # of one request or job

    def fetch(self, start: PageCursor | None, falling: bool, limit: int) -> list[Event]:
        """Return at most `limit` events beyond `start`, the newest first if `falling`. One query."""
        conditions = [f"(at, id) {'<' if falling else '>'} (%(start_at)s, %(start_id)s)"] if start else []
        found = self.build_lookup(conditions, falling=falling, limit=limit)
        shape = {"combinations": self.build_combinations(), "direction": _get_direction(falling)}
        return list(Event.objects.raw(_PAGE_SQL.format(found=found, **shape), self.build_values(start)))

    def count(self) -> int:
        """Return the number of events, at most MAX_COUNT + 1. One query."""
        found = self.build_lookup([], falling=True, limit=MAX_COUNT + 1)
        with connections[router.db_for_read(Event)].cursor() as cursor:
            cursor.execute(_COUNT_SQL.format(combinations=self.build_combinations(), found=found), self.build_values())
            (count,) = cursor.fetchone()
        return int(count)

    def build_lookup(self, conditions: Sequence[str], *, falling: bool, limit: int, columns: str = "at, id") -> str:
        """Return the SQL of the first `limit` events that match and fulfil `conditions`.

        It is a row source for statements that start with `build_combinations` and get `build_values`.
        """
        source, ranges, own = self._choose_ranges()
        own += self._build_period_conditions()
        shape: dict[str, Any] = {"direction": _get_direction(falling), "limit": limit}
        found = " UNION ALL ".join(
            _RANGE_SQL.format(columns=columns, conditions=" AND ".join([place, *own, *conditions]), **shape)
            for place in ranges
        )
        if not source:
            return f"({found})"
        merged = ", ".join(f"page.{column}" for column in columns.split(", "))
        return _MERGED_SQL.format(merged=merged, source=source, ranges=found, **shape)

    def _build_period_conditions(self) -> list[str]:
        conditions = ["at >= %(since)s"] if self.since else []
        conditions += ["at < %(before)s"] if self.before else []
        return conditions + ([_ACT_SQL] if self.correlation_id else [])

    def build_row_conditions(self) -> list[str]:
        """Return the conditions of the search on a single event, for events found in another way."""
        subjects = ["%(subject)s IN (actor_id, target_id)"] if self.subject else []
        involved = [_INVOLVED_SQL] if self.users is not None else []
        facets = [f"{name} = %({name})s" for name in self.facets]
        return [*facets, *subjects, *involved, *self._build_period_conditions()]

    def build_combinations(self) -> str:
        """Return the WITH clause that the lookups read from, "" if they need none."""
        facets = " AND ".join(f"{name} = %({name})s" for name in self.facets)
        return _COMBINATIONS_SQL.format(facets=facets) if facets else ""

    def build_values(self, start: PageCursor | None = None) -> dict[str, Any]:
        values: dict[str, Any] = {"provider": self.provider_id, "since": self.since, "before": self.before}
        values |= self.facets | {"subjects": self._get_subjects(), "users": list(self.users or ())}
        values |= {"correlation": self.correlation_id, "subject": self.subject}
        return values | ({"start_at": start.key, "start_id": start.id} if start else {})

    def _get_subjects(self) -> list[UUID] | None:
        if self.subject is not None:
            return [self.subject]
        return list(self.users) if self.users is not None and len(self.users) <= _MAX_RANGED_USERS else None

    def _choose_ranges(self) -> tuple[str, list[str], list[str]]:
        """Return what the ranges are joined to, the condition of each range, and the conditions inside them.

        Without any of these filters all events are one range, joined to nothing ("").
        """
        facets = [f"{name} = %({name})s" for name in self.facets]
        involved = [_INVOLVED_SQL] if self.users is not None else []
        if self._get_subjects() is not None:
            source = "unnest(%(subjects)s::uuid[]) subject"
            if facets:
                source += " CROSS JOIN (SELECT FROM matching LIMIT 1) any_match"
            return source, ["target_id = subject", "actor_id = subject"], facets + (involved if self.subject else [])
        if facets:
            same = [f"event.{name} = matching.{name}" for name in ("verb", "target_kind", "origin")]
            return "matching", [" AND ".join(same)], involved
        return "", ["TRUE"], involved

    def iter_chunks(self) -> Iterator[list[Event]]:
        """Yield all events, newest first."""
        start = None
        while events := self.fetch(start, True, _CHUNK_SIZE):
            yield events
            start = PageCursor(events[-1].at, events[-1].pk)


def _get_direction(falling: bool) -> str:
    return "DESC" if falling else "ASC"


def build_event_search(
    user: User,
    *,
    subject: UUID | None = None,
    person: str = "",
    kind: str = "",
    verb: str = "",
    origin: str = "",
    since: date | None = None,
    until: date | None = None,
) -> EventSearch:
    """Return the search for events of the office of `user`, never of another office (rule 1).

    `person` is searched for among its current users.
    """
    facets = {"verb": verb, "target_kind": kind, "origin": origin}
    found = filter_by_search(User.objects.visible_to(user), person).values_list("pk", flat=True)
    return EventSearch(
        user.office.pk,
        subject=subject,
        users=list(found) if person else None,
        facets={name: value for name, value in facets.items() if value},
        since=get_day_start(since) if since else None,
        before=get_day_start(until + timedelta(days=1)) if until else None,
    )
