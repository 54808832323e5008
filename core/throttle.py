"""Rate limits stored in the database: the generic cell rate algorithm (GCRA, ITU-T I.371).

A limit allows `burst` attempts at once and restores one every `every`. A key needs one row and one statement;
concurrent attempts are counted exactly. Call `consume_attempt` outside a transaction: a later rollback must not refund
the attempt.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from core import encryption
from core.clock_skew import MAX_CLOCK_SKEW
from core.dates import format_upcoming
from core.models import Throttle

_HASH_PURPOSE = "throttle"
# full_at is when all attempts are available again. An attempt moves it ahead by `every`, and is refused if it would
# then be too far in the future. A value beyond the limit plus the allowed clock skew was written by a wrong clock.
_VALID_FULL_AT_SQL = "CASE WHEN stored.full_at > {impossible} THEN %(now)s ELSE greatest(stored.full_at, %(now)s) END"
_ONE_VALID_FULL_AT_SQL = _VALID_FULL_AT_SQL.format(impossible="%(impossible{n})s")
_CONSUME_SQL = f"""
INSERT INTO core_throttle AS stored (key, full_at) {{row}}
ON CONFLICT (key) DO UPDATE SET full_at = {_ONE_VALID_FULL_AT_SQL} + make_interval(secs => %(every{{n}})s)
WHERE {_ONE_VALID_FULL_AT_SQL} + make_interval(secs => %(every{{n}})s) <= %(latest{{n}})s
RETURNING full_at
"""
_CONSUME_ONE_SQL = _CONSUME_SQL.format(n=1, row="VALUES (%(key1)s, %(now)s + make_interval(secs => %(every1)s))")
_CONSUME_SECOND_SQL = _CONSUME_SQL.format(
    n=2, row="SELECT %(key2)s, %(now)s + make_interval(secs => %(every2)s) FROM first"
)
_CONSUME_PAIR_SQL = f"""
WITH first AS ({_CONSUME_ONE_SQL}), second AS ({_CONSUME_SECOND_SQL})
SELECT (SELECT full_at FROM first), (SELECT full_at FROM second)
"""  # noqa: S608
# For many keys: rows are locked in one order, and keys over their limit are known only after all have been counted.
_LATEST_POSSIBLE_SQL = "(SELECT impossible FROM attempts WHERE attempts.key = excluded.key)"
_CONSUME_ALL_SQL = f"""
WITH attempts (key, spent, impossible) AS (
    SELECT * FROM unnest(%(keys)s::text[], %(spent)s::float8[], %(impossible)s::timestamptz[])
)
INSERT INTO core_throttle AS stored (key, full_at)
SELECT key, %(now)s + make_interval(secs => spent) FROM attempts ORDER BY key
ON CONFLICT (key) DO UPDATE
SET full_at = {_VALID_FULL_AT_SQL.format(impossible=_LATEST_POSSIBLE_SQL)} + (excluded.full_at - %(now)s)
RETURNING key, full_at
"""  # noqa: S608
_REFUND_SQL = """
WITH reset AS (DELETE FROM core_throttle WHERE key = %s)
UPDATE core_throttle SET full_at = full_at - make_interval(secs => %s) WHERE key = %s
"""


@dataclass(frozen=True)
class RateLimit:
    """`burst` attempts at once, one restored every `every`; `name` separates the keys of different limits."""

    name: str
    burst: int
    every: timedelta


LimitKey = tuple[RateLimit, str]  # a limit, and whose attempts it counts


class Throttled(Exception):
    """Too many attempts; the next one is allowed after `wait`."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait

    @property
    def retry_at(self) -> datetime:
        """When the next attempt is allowed."""
        return timezone.now() + max(self.wait, timedelta(0))

    @property
    def seconds(self) -> int:
        """`wait` in whole seconds, at least one, for the header Retry-After."""
        return max(1, math.ceil(self.wait.total_seconds()))

    def __str__(self) -> str:
        return _("Too many attempts. Try again %(time)s.") % {"time": format_upcoming(self.retry_at)}


class AttemptsLeft(NamedTuple):
    """Attempts left after one was used, and the time until all are available again."""

    tries: int
    full_in: timedelta


def consume_attempt(limit: RateLimit, key: str) -> AttemptsLeft:
    """Use one attempt of `key` under `limit`. Raises Throttled, and uses none, if none is left."""
    return _execute_consume(_CONSUME_ONE_SQL, (limit, key))


def consume_attempt_pair(first: LimitKey, second: LimitKey) -> None:
    """Do `consume_attempt` for the first and then for the second limit and key, in one statement."""
    _execute_consume(_CONSUME_PAIR_SQL, first, second)


def _execute_consume(statement: str, *limits: LimitKey) -> AttemptsLeft:
    """Execute `statement`; return what is left of the last limit. Raises Throttled for the first that is used up."""
    now = timezone.now()
    values: dict[str, str | float | datetime] = {"now": now}
    for number, (limit, key) in enumerate(limits, 1):
        values |= {
            f"key{number}": _hash_key(limit, key),
            f"every{number}": limit.every.total_seconds(),
            f"latest{number}": now + limit.burst * limit.every,
            f"impossible{number}": _get_latest_possible(limit, now),
        }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        spent = cursor.fetchone() or [None]
    for full_at, (limit, key) in zip(spent, limits, strict=True):
        if full_at is None:
            raise Throttled(_get_wait(limit, key, now))
    return AttemptsLeft((now + limit.burst * limit.every - full_at) // limit.every, full_at - now)


def consume_attempts(counts: Mapping[LimitKey, int]) -> tuple[LimitKey, timedelta] | None:
    """Use the given number of attempts of each limit and key in one statement; return None if all were available.

    Otherwise return a limit and key that is used up, and its wait. Unlike `consume_attempt`, call it in the transaction
    of the change that the attempts are for, and roll that back on a result other than None.
    """
    now, hashed = timezone.now(), {_hash_key(*limit_key): limit_key for limit_key in counts}
    spent = [counts[limit_key] * limit_key[0].every.total_seconds() for limit_key in hashed.values()]
    with connection.cursor() as cursor:
        impossible = [_get_latest_possible(limit, now) for limit, _key in hashed.values()]
        cursor.execute(_CONSUME_ALL_SQL, {"now": now, "keys": list(hashed), "spent": spent, "impossible": impossible})
        rows = cursor.fetchall()
    over = [(full_at - now - hashed[key][0].burst * hashed[key][0].every, hashed[key]) for key, full_at in rows]
    wait, refused = max(over, key=lambda limit_key: limit_key[0])
    return (refused, wait) if wait > timedelta(0) else None


def get_exhausted_limits(limits: Iterable[LimitKey]) -> dict[LimitKey, timedelta]:
    """Return the limits and keys without an attempt left, each with its wait. One query."""
    now, hashed = timezone.now(), {_hash_key(*limit_key): limit_key for limit_key in limits}
    full = Throttle.objects.filter(key__in=hashed).values_list("key", "full_at")
    possible = ((hashed[key], full_at) for key, full_at in full if full_at <= _get_latest_possible(hashed[key][0], now))
    waits = (
        (limit_key, full_at + limit_key[0].every * (1 - limit_key[0].burst) - now) for limit_key, full_at in possible
    )
    return {limit_key: wait for limit_key, wait in waits if wait > timedelta(0)}


def _get_latest_possible(limit: RateLimit, now: datetime) -> datetime:
    return now + limit.burst * limit.every + MAX_CLOCK_SKEW


def _get_wait(limit: RateLimit, key: str, now: datetime) -> timedelta:
    full_at = Throttle.objects.filter(key=_hash_key(limit, key)).values_list("full_at", flat=True).first() or now
    return max(full_at + limit.every - now - limit.burst * limit.every, timedelta(0))


def reset_attempts(limit: RateLimit, key: str) -> None:
    """Restore all attempts of `key` under `limit`."""
    Throttle.objects.filter(key=_hash_key(limit, key)).delete()


def refund_attempts(reset: LimitKey, refunded: LimitKey) -> None:
    """Restore all attempts of the first limit and key, and the one that a success used of the second."""
    values: list[str | float] = [_hash_key(*reset), refunded[0].every.total_seconds(), _hash_key(*refunded)]
    with connection.cursor() as cursor:
        cursor.execute(_REFUND_SQL, values)


def build_network_key(address: str) -> str:
    """Return the key of a network address; IPv6 by its /64, because one subscriber has all its addresses."""
    if not address:
        return ""
    parsed = ip_address(address)
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Network((int(parsed), 64), strict=False))


def _hash_key(limit: RateLimit, key: str) -> str:
    return encryption.compute_keyed_hash(f"{limit.name}:{key}", purpose=_HASH_PURPOSE)
