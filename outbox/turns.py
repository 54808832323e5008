"""Whose message is sent next: offices take turns, the urgent messages of each first, and what hangs costs only itself.

What is known of turns and of servers that hang is of one worker, in memory: another one finds out by itself.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

from django.db import connection
from django.utils import timezone

import outbox.actions
from outbox.models import Message

HANGS = 5.0  # seconds, after which a message that was not sent says that the server of its domain hangs
REST, REST_MAX = 15.0, 60.0  # seconds; how long such a domain is left alone, doubled each time
FRESH = 0.3  # seconds, after which it is looked anew which offices have something to send
URGENT, ANY = Message.Urgency.URGENT, Message.Urgency.LATER

# A step from office to office through the index, however many messages each has; NULL ends it.
_OFFICES = """
WITH RECURSIVE office AS (
    (SELECT provider_id FROM outbox_message
    WHERE channel = %(channel)s AND state IN ('queued', 'deferred') AND provider_id IS NOT NULL
    ORDER BY provider_id LIMIT 1)
    UNION ALL
    SELECT (SELECT provider_id FROM outbox_message
        WHERE channel = %(channel)s AND state IN ('queued', 'deferred') AND provider_id > office.provider_id
        ORDER BY provider_id LIMIT 1)
    FROM office WHERE office.provider_id IS NOT NULL
)
SELECT office.provider_id FROM office WHERE EXISTS (
    SELECT 1 FROM generate_series(0, %(urgency)s) urgency WHERE EXISTS (
        SELECT 1 FROM outbox_message
        WHERE channel = %(channel)s AND state IN ('queued', 'deferred') AND due <= %(now)s
        AND provider_id = office.provider_id AND outbox_message.urgency = urgency.urgency
    )
)
UNION ALL
SELECT NULL WHERE EXISTS (
    SELECT 1 FROM outbox_message
    WHERE channel = %(channel)s AND state IN ('queued', 'deferred') AND due <= %(now)s
    AND provider_id IS NULL AND urgency <= %(urgency)s
)"""


@dataclass
class Turns:
    """The turns of one channel at a worker with so many `senders`."""

    channel: Message.Channel
    senders: int = 1
    _lock: Lock = field(default_factory=Lock)
    _last: dict[UUID | None, float] = field(default_factory=dict)  # when each office had its last turn
    _offices: dict[int, tuple[float, list[UUID | None]]] = field(default_factory=dict)  # by urgency, and from when
    _at_work: Counter[UUID | None] = field(default_factory=Counter)  # senders, by office
    _calling: Counter[str] = field(default_factory=Counter)  # senders, by domain
    _hanging: dict[str, tuple[float, float]] = field(default_factory=dict)  # domains: until when, and how long

    def take(self, urgency: int = ANY) -> Message | None:
        """Return the message whose turn it is among those at least so urgent, as `outbox.actions.take` does.

        An office, and a domain of recipients, has half of the senders at most, one more for what is urgent; domains
        that hang have one together. `done` gives the place back.
        """
        connection.ensure_connection()  # may take long, and the lock is everybody's
        with self._lock:
            limit = max(1, self.senders // 2) + (urgency == URGENT)
            avoided = self._avoided(limit)
            for office in self._next(urgency):
                if self._at_work[office] >= limit:
                    continue
                message = outbox.actions.take(self.channel, office, urgency=urgency, avoided=avoided)
                if message is not None:
                    self._last[office] = time.monotonic()
                    self._at_work[office] += 1
                    self._calling[message.domain] += 1
                    return message
                self._offices[urgency][1].remove(office)
        return None

    def done(self, message: Message, *, seconds: float | None, is_sent: bool) -> None:
        """Note that a message had its turn, how long its delivery took if it came to one, and what came of it."""
        with self._lock:
            self._at_work -= Counter([message.provider_id])
            self._calling -= Counter([message.domain])
            if not message.domain or seconds is None:
                return
            if is_sent or seconds < HANGS:
                self._hanging.pop(message.domain, None)
            else:
                before = self._hanging.get(message.domain, (0.0, REST / 2))[1]
                pause = min(before * 2, REST_MAX)
                self._hanging[message.domain] = (time.monotonic() + pause, pause)

    def _next(self, urgency: int) -> list[UUID | None]:
        """Return the offices that have something to send, whose turn was longest ago first."""
        read_at, offices = self._offices.get(urgency, (0.0, []))
        if not offices or time.monotonic() > read_at + FRESH:
            with connection.cursor() as cursor:
                cursor.execute(
                    _OFFICES, {"channel": self.channel.value, "urgency": int(urgency), "now": timezone.now()}
                )
                offices = [row[0] for row in cursor.fetchall()]
            self._offices[urgency] = time.monotonic(), offices
        if len(self._last) > 10_000:  # offices that have sent nothing for long
            self._last = {office: self._last[office] for office in offices if office in self._last}
        return sorted(offices, key=lambda office: self._last.get(office, 0.0))

    def _avoided(self, limit: int) -> list[str]:
        """Return the domains to which nothing is sent now."""
        busy = {domain for domain, senders in self._calling.items() if domain and senders >= limit}
        probed = any(self._calling[domain] for domain in self._hanging)
        now = time.monotonic()
        return sorted(busy | {domain for domain, (until, _pause) in self._hanging.items() if probed or until > now})
