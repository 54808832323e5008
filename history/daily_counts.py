"""Numbers of events of an office by day."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connections, router

from audit.models import Event
from core.dates import get_day_start

CHART_DAYS = 30
MAX_EVENTS = 10_000  # counted of a day
_CACHE_SECONDS = 10 * 60  # of the days before today, whose numbers hardly change
_COUNT_SQL = """
SELECT (
    SELECT count(*) FROM (
        SELECT FROM audit_event WHERE provider_id = %(provider)s AND at >= begins AND at < ends
        ORDER BY at, id LIMIT %(limit)s
    ) counted
) FROM unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY day (begins, ends, number)
ORDER BY number
"""


def count_events_by_day(provider_id: UUID, today: date) -> dict[date, int]:
    """Return the numbers of events of the last 30 days, oldest first, `MAX_EVENTS` + 1 for more. One or two queries."""
    days = [today - timedelta(days=number) for number in reversed(range(CHART_DAYS))]
    key = f"history-by-day-{provider_id}-{today}"
    earlier = cache.get(key)
    if earlier is None:
        earlier = _count_events(provider_id, days[:-1])
        cache.set(key, earlier, _CACHE_SECONDS)
    return dict(zip(days, [*earlier, *_count_events(provider_id, days[-1:])], strict=True))


def _count_events(provider_id: UUID, days: list[date]) -> list[int]:
    begins, ends = ([get_day_start(day + timedelta(days=number)) for day in days] for number in (0, 1))
    values: dict[str, Any] = {"provider": provider_id, "begins": begins, "ends": ends, "limit": MAX_EVENTS + 1}
    with connections[router.db_for_read(Event)].cursor() as cursor:
        cursor.execute(_COUNT_SQL, values)
        return [count for (count,) in cursor.fetchall()]
