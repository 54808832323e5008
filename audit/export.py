"""Export of an office's whole chain as lines that `audit/verify.py` verifies."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models

from audit import chain, checkpoints, verify
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import ChainLink, Checkpoint, Event, UserEncryptionKey, Verb

_BATCH_SIZE = 1000
_CHAIN_MARGIN = timedelta(days=1)
# The keys that encrypt the events of a part of a chain, each once.
_KEYS_SQL = """
SELECT DISTINCT (part.content ->> 'key')::uuid
FROM audit_chainlink link JOIN audit_event event ON event.id = link.event_id
CROSS JOIN LATERAL (VALUES (event.who), (event.for_whom), (event.what)) part (content)
WHERE link.provider_id = %(provider)s AND link.sequence > %(first)s AND link.sequence <= %(last)s
    AND part.content ? 'key'
"""


@dataclass(frozen=True)
class ChainExport:
    """The exported range: all events up to the one that records the export."""

    provider_id: UUID | None
    first: chain.ChainHead
    start: dict[str, Any] | None
    last: chain.ChainHead
    keys: list[UserEncryptionKey]

    def lines(self) -> Iterator[bytes]:
        office = None if self.provider_id is None else str(self.provider_id)
        head = {"format": verify.EXPORT_FORMAT, "provider_id": office, "start": self.start}
        yield _encode_line(head | {"head": checkpoints.sign_head(self.provider_id, self.last)})
        for row in self.keys:
            key = base64.b64encode(row.decrypt_key_bytes()).decode()
            yield _encode_line({"id": str(row.pk), "key": key, "person_id": str(row.user_id)})
        yield from self._events()

    def _events(self) -> Iterator[bytes]:
        sequence, previous = self.first
        links = ChainLink.objects.filter(provider_id=self.provider_id).order_by("sequence")
        while sequence < self.last.sequence:
            batch = list(links.filter(sequence__gt=sequence, sequence__lte=self.last.sequence)[:_BATCH_SIZE])
            events = Event.objects.in_bulk([link.event_id for link in batch])
            if not batch or batch[0].sequence != sequence + 1 or len(events) < len(batch):
                raise ChainLink.DoesNotExist(f"event {sequence + 1} was removed while it was exported")
            for link in batch:
                event = chain.serialize_event(events[link.event_id])
                yield _encode_line({"event": event, "hash": link.hash, "previous": previous, "sequence": link.sequence})
                sequence, previous = link.sequence, link.hash


def _encode_line(value: dict[str, Any]) -> bytes:
    return verify.encode_canonical_json(value) + b"\n"


class ExportTooLarge(Exception):
    """The range has more events than allowed; `events` of them."""

    def __init__(self, events: int) -> None:
        super().__init__(events)
        self.events = events


@action()
def begin_export(
    office: models.Model,
    *,
    by: Actor,
    since: datetime | None = None,
    max_events: int | None = None,
    changes: Changes | None = None,
) -> ChainExport:
    """Record the export of the office's audit log and return it; that event is the last one exported.

    With `since`, the export starts after a signed checkpoint that is at least a day earlier: the order of the chain
    differs from that of the moments by the length of a transaction. The lock on the chain prevents an erasure between
    that event and reading the keys. Raises ExportTooLarge, and records nothing, above `max_events`.
    """
    chain.lock_chain(office.pk)
    changes = changes or {"history": [None, "jsonl"]}
    event = record(Verb.EXPORTED, office, by=by, provider_id=office.pk, changes=changes)
    chain.append_pending(office.pk)
    link = ChainLink.objects.get(pk=event.pk)
    first, start = _get_start(office.pk, since)
    if max_events is not None and link.sequence - first.sequence > max_events:
        raise ExportTooLarge(link.sequence - first.sequence)
    return ChainExport(
        provider_id=office.pk,
        first=first,
        start=start,
        last=chain.ChainHead(link.sequence, link.hash),
        keys=_get_keys(office.pk, first.sequence, link.sequence),
    )


def _get_start(provider_id: UUID, since: datetime | None) -> tuple[chain.ChainHead, dict[str, Any] | None]:
    """Return what the first exported event follows, and the signed checkpoint that says so."""
    start = chain.get_start_checkpoint(provider_id)
    first, signed = chain.get_head_at_start(start), start.signed if start else None
    if since is None:
        return first, signed
    later = Event.objects.filter(provider_id=provider_id, at__gte=since - _CHAIN_MARGIN).order_by("at", "id")
    links = ChainLink.objects.filter(provider_id=provider_id)
    following = links.get(event_id=later.values_list("pk", flat=True)[:1])
    if (before := links.filter(sequence=following.sequence - 1).first()) is None:
        return first, signed
    head = chain.ChainHead(before.sequence, before.hash)
    return head, checkpoints.sign_head(provider_id, head, Checkpoint.CheckpointType.START)


def _get_keys(provider_id: UUID, first: int, last: int) -> list[UserEncryptionKey]:
    """Return the keys that encrypt these events, unless destroyed."""
    with connection.cursor() as cursor:
        cursor.execute(_KEYS_SQL, {"provider": provider_id, "first": first, "last": last})
        ids = [key_id for (key_id,) in cursor.fetchall()]
    keys = UserEncryptionKey.objects.filter(pk__in=ids, encrypted_key__isnull=False)
    return sorted(keys, key=lambda row: str(row.pk))
