"""Fair queueing: offices take turns, urgent messages go first, and an e-mail server that hangs delays only its domain.

Turns and hanging servers are kept in memory by each worker; other workers find out for themselves.
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

HANG_SECONDS = 5.0  # seconds; a failed delivery that took longer means that the server of the domain hangs
COOLDOWN_SECONDS, MAX_COOLDOWN_SECONDS = 15.0, 60.0  # seconds without deliveries to such a domain, doubled each time
OFFICES_MAX_AGE_SECONDS = 0.3  # seconds after which the list of offices with due messages is queried again
ONLY_URGENT, ANY_URGENCY = Message.Urgency.URGENT, Message.Urgency.LATER

# Steps from office to office through the index, however many messages each has; NULL ends the recursion.
_OFFICES_SQL = """
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
class FairQueue:
    """Queue of one channel in a worker with a number of `senders`."""

    channel: Message.Channel
    senders: int = 1
    _lock: Lock = field(default_factory=Lock)
    _last_claims: dict[UUID | None, float] = field(default_factory=dict)  # time of the last turn of each office
    _offices_by_urgency: dict[int, tuple[float, list[UUID | None]]] = field(
        default_factory=dict
    )  # by urgency, with the time of the query
    _senders_by_office: Counter[UUID | None] = field(default_factory=Counter)  # senders, by office
    _senders_by_domain: Counter[str] = field(default_factory=Counter)  # senders, by domain
    _cooldowns: dict[str, tuple[float, float]] = field(default_factory=dict)  # by domain: end and length of the pause

    def claim_next(self, urgency: int = ANY_URGENCY) -> Message | None:
        """Claim the next message of at least this urgency, as `outbox.actions.claim_message` does.

        An office or recipient domain gets half of the senders at most, one more for urgent messages; all hanging
        domains share one. Call `release_sender` to release the sender.
        """
        connection.ensure_connection()  # may be slow, and all senders share the lock
        with self._lock:
            limit = max(1, self.senders // 2) + (urgency == ONLY_URGENT)
            avoided = self._list_avoided_domains(limit)
            for office in self._list_offices(urgency):
                if self._senders_by_office[office] >= limit:
                    continue
                message = outbox.actions.claim_message(self.channel, office, urgency=urgency, avoided=avoided)
                if message is not None:
                    self._last_claims[office] = time.monotonic()
                    self._senders_by_office[office] += 1
                    self._senders_by_domain[message.domain] += 1
                    return message
                self._offices_by_urgency[urgency][1].remove(office)
        return None

    def release_sender(self, message: Message, *, seconds: float | None, is_sent: bool) -> None:
        """Release the sender of a message; record how long the delivery took, if there was one, and its result."""
        with self._lock:
            self._senders_by_office -= Counter([message.provider_id])
            self._senders_by_domain -= Counter([message.domain])
            if not message.domain or seconds is None:
                return
            if is_sent or seconds < HANG_SECONDS:
                self._cooldowns.pop(message.domain, None)
            else:
                before = self._cooldowns.get(message.domain, (0.0, COOLDOWN_SECONDS / 2))[1]
                pause = min(before * 2, MAX_COOLDOWN_SECONDS)
                self._cooldowns[message.domain] = (time.monotonic() + pause, pause)

    def _list_offices(self, urgency: int) -> list[UUID | None]:
        """Return the offices with due messages, the one with the oldest turn first."""
        read_at, offices = self._offices_by_urgency.get(urgency, (0.0, []))
        if not offices or time.monotonic() > read_at + OFFICES_MAX_AGE_SECONDS:
            with connection.cursor() as cursor:
                cursor.execute(
                    _OFFICES_SQL, {"channel": self.channel.value, "urgency": int(urgency), "now": timezone.now()}
                )
                offices = [row[0] for row in cursor.fetchall()]
            self._offices_by_urgency[urgency] = time.monotonic(), offices
        if len(self._last_claims) > 10_000:  # forget offices without due messages
            self._last_claims = {office: self._last_claims[office] for office in offices if office in self._last_claims}
        return sorted(offices, key=lambda office: self._last_claims.get(office, 0.0))

    def _list_avoided_domains(self, limit: int) -> list[str]:
        """Return the domains to avoid for now: busy or hanging."""
        busy = {domain for domain, senders in self._senders_by_domain.items() if domain and senders >= limit}
        probed = any(self._senders_by_domain[domain] for domain in self._cooldowns)
        now = time.monotonic()
        return sorted(busy | {domain for domain, (until, _pause) in self._cooldowns.items() if probed or until > now})
