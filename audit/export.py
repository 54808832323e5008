"""Export of an office's whole chain as lines that `audit/verify.py` verifies."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction

from audit import chain, checkpoints, verify
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Event, Link, PersonKey, Verb

_BATCH = 1000
# The keys that encrypt the events of a chain, each once, unless destroyed.
_KEYS = """
SELECT DISTINCT key.id FROM audit_event event
CROSS JOIN LATERAL (VALUES (event.who), (event.for_whom), (event.what)) part(content)
JOIN audit_personkey key ON key.id = (part.content ->> 'key')::uuid AND key.sealed_key IS NOT NULL
JOIN audit_link link ON link.event_id = event.id AND link.sequence <= %(last)s
WHERE event.provider_id IS NOT DISTINCT FROM %(provider)s
"""


@dataclass(frozen=True)
class Export:
    """The exported range: all events up to the one that records the export."""

    provider_id: UUID | None
    first: chain.Head
    start: dict[str, Any] | None
    last: chain.Head
    keys: list[PersonKey]

    def lines(self) -> Iterator[bytes]:
        office = None if self.provider_id is None else str(self.provider_id)
        head = {"format": verify.FORMAT, "provider_id": office, "start": self.start}
        yield _line(head | {"head": checkpoints.signed(self.provider_id, self.last)})
        for row in self.keys:
            key = base64.b64encode(row.key()).decode()
            yield _line({"id": str(row.pk), "key": key, "person_id": str(row.person_id)})
        yield from self._events()

    def _events(self) -> Iterator[bytes]:
        sequence, previous = self.first
        links = Link.objects.filter(provider_id=self.provider_id).order_by("sequence")
        while sequence < self.last.sequence:
            batch = list(links.filter(sequence__gt=sequence, sequence__lte=self.last.sequence)[:_BATCH])
            events = Event.objects.in_bulk([link.event_id for link in batch])
            if not batch or batch[0].sequence != sequence + 1 or len(events) < len(batch):
                raise Link.DoesNotExist(f"event {sequence + 1} was removed while it was exported")
            for link in batch:
                event = chain.exported(events[link.event_id])
                yield _line({"event": event, "hash": link.hash, "previous": previous, "sequence": link.sequence})
                sequence, previous = link.sequence, link.hash


def _line(value: dict[str, Any]) -> bytes:
    return verify.canonical(value) + b"\n"


@asks(Proof.HALF_HOUR)
@transaction.atomic
def begin(office: models.Model, *, by: Actor) -> Export:
    """Record the export of the office's audit log and return it; that event is the last one exported.

    The lock on the chain prevents an erasure between that event and reading the keys.
    """
    chain.lock(office.pk)
    event = record(Verb.EXPORTED, office, by=by, provider_id=office.pk, changes={"history": [None, "jsonl"]})
    chain.lengthen(office.pk)
    link = Link.objects.get(pk=event.pk)
    start = chain.start(office.pk)
    return Export(
        provider_id=office.pk,
        first=chain.after(start),
        start=start.signed if start else None,
        last=chain.Head(link.sequence, link.hash),
        keys=_keys(office.pk, link.sequence),
    )


def _keys(provider_id: UUID, last: int) -> list[PersonKey]:
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, {"provider": provider_id, "last": last})
        ids = [id for (id,) in cursor.fetchall()]
    return sorted(PersonKey.objects.filter(pk__in=ids), key=lambda row: str(row.pk))
