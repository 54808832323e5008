"""Search for acts: the events of one request or job, which share a correlation id, as one item of a list.

An act stands at its newest event that matches the search; an event without correlation id is an act of its own. The
recursive query steps from event to event and passes over those of the act it comes from. Whether an event is the newest
one of its act is looked up between that event and the end of the act, so that no step depends on the number of events.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connections, router

from audit.models import Event
from core.paging import PageCursor
from history.event_search import EventSearch

_MAX_COUNTED_EVENTS = 50_000  # of one act; an import of 10,000 users has some 30,000
_MAX_USERS = 100  # each step looks for the next event of every user
_KEY_COLUMNS = "at, id, correlation_id"
_BEYOND_SQL = """(at, id) {beyond} (act.at, act.id)
    AND (correlation_id = '' OR correlation_id <> act.correlation_id OR id = act.newest_id)"""
_NEWER_OF_ACT_SQL = [
    "act_end.id <> step.id",
    "correlation_id = step.correlation_id",
    "(at, id) > (step.at, step.id)",
    "(at, id) <= (act_end.at, act_end.id)",
]
_STEP_SQL = """
(SELECT step.*, COALESCE(newer.id, step.id) AS newest_id FROM {lookup} step
LEFT JOIN LATERAL (
    SELECT at, id FROM audit_event WHERE provider_id = %(provider)s AND correlation_id = step.correlation_id
        AND correlation_id <> '' ORDER BY at DESC, id DESC LIMIT 1
) act_end ON TRUE
LEFT JOIN LATERAL {newer} newer ON TRUE)
"""
_PAGE_SQL = """
{combinations}, act AS (
    SELECT first.*, (first.newest_id = first.id)::int AS found FROM {first} first
    UNION ALL
    SELECT following.*, act.found + (following.newest_id = following.id)::int
    FROM act CROSS JOIN LATERAL {following} following WHERE act.found < {limit}
)
SELECT event.*, event.at AS sort_key FROM act JOIN audit_event event USING (id) WHERE act.newest_id = act.id
ORDER BY event.at {direction}, event.id {direction}
"""
_PARTS_SQL = """
SELECT act.correlation_id, part.* FROM unnest(%(correlations)s::text[]) act (correlation_id) CROSS JOIN LATERAL (
    SELECT COALESCE(verb, ''), target_kind, count(*), count(DISTINCT target_id), max(id::text)::uuid FROM (
        SELECT id, verb, target_kind, target_id FROM audit_event
        WHERE provider_id = %(provider)s AND correlation_id = act.correlation_id AND correlation_id <> ''{conditions}
        ORDER BY at DESC, id DESC LIMIT {limit}
    ) counted GROUP BY GROUPING SETS ((verb, target_kind), (target_kind)) ORDER BY 1 DESC
) part
"""


class ActPart(NamedTuple):
    """The matching events of one verb and kind of target in an act."""

    verb: str  # "": of every verb
    target_kind: str
    events: int
    targets: int  # different ones
    newest_id: UUID


class ActSearch:
    """The acts that have events which `events` finds."""

    def __init__(self, events: EventSearch) -> None:
        self.events = events

    @property
    def is_affordable(self) -> bool:
        """Whether the acts can be found without a wait; if not, their events still can."""
        return len(self.events.users or ()) <= _MAX_USERS

    def fetch(self, start: PageCursor | None, falling: bool, limit: int) -> list[Event]:
        """Return the newest matching event of at most `limit` acts beyond `start`. One query."""
        beyond = "<" if falling else ">"
        after_start = [f"(at, id) {beyond} (%(start_at)s, %(start_id)s)"] if start else []
        combinations = self.events.build_combinations() or "WITH RECURSIVE start AS (SELECT 1)"
        sql = _PAGE_SQL.format(
            combinations=combinations,
            first=self._build_step(after_start, falling),
            following=self._build_step([_BEYOND_SQL.format(beyond=beyond)], falling),
            limit=limit,
            direction="DESC" if falling else "ASC",
        )
        return list(Event.objects.raw(sql, self.events.build_values(start)))

    def _build_step(self, conditions: Sequence[str], falling: bool) -> str:
        lookup = self.events.build_lookup(conditions, falling=falling, limit=1, columns=_KEY_COLUMNS)
        newer = self.events.build_lookup(_NEWER_OF_ACT_SQL, falling=True, limit=1)
        return _STEP_SQL.format(lookup=lookup, newer=newer)

    def fetch_parts(self, correlation_ids: Iterable[str]) -> dict[str, list[ActPart]]:
        """Return of what each of these acts consists, as far as it matches the search. One query."""
        wanted = sorted(set(correlation_ids) - {""})
        conditions = "".join(f" AND {condition}" for condition in self.events.build_row_conditions())
        parts: dict[str, list[ActPart]] = {correlation_id: [] for correlation_id in wanted}
        with connections[router.db_for_read(Event)].cursor() as cursor:
            sql = _PARTS_SQL.format(conditions=conditions, limit=_MAX_COUNTED_EVENTS)
            cursor.execute(sql, self.events.build_values() | {"correlations": wanted})
            for correlation_id, *values in cursor.fetchall():
                parts[correlation_id].append(ActPart(*values))
        return parts
