"""The hash chain: every event gets a sequence number and a hash, in the order of one sequencer per office.

Transactions that record events take no part in it and wait for nothing. An event may be committed after an event with a
higher id was added: the chain has the order in which the sequencer found them, without gaps or omissions.
"""

from collections.abc import Mapping
from datetime import UTC
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit import verify
from audit.models import ChainLink, Checkpoint, Event, PendingEvent
from core import periodic_jobs

_BATCH_SIZE = 1000


class ChainHead(NamedTuple):
    """The end of a chain."""

    sequence: int
    hash: str


def append_all_pending() -> int:
    """Add all pending events to their chains; return their number. A job that any number of workers may run."""
    offices = PendingEvent.objects.order_by().values_list("provider_id", flat=True).distinct()
    return sum(periodic_jobs.process_items(append_pending, offices))


def append_pending(provider_id: UUID | None) -> int:
    """Add the pending events of an office, or of no office, to its chain; return their number."""
    total = count = _append_batch(provider_id)
    while count == _BATCH_SIZE:
        count = _append_batch(provider_id)
        total += count
    return total


@transaction.atomic
def _append_batch(provider_id: UUID | None) -> int:
    lock_chain(provider_id)
    pending = PendingEvent.objects.filter(provider_id=provider_id).order_by("event_id")
    events = Event.objects.in_bulk(pending.values_list("event_id", flat=True)[:_BATCH_SIZE])
    links, (sequence, previous) = [], get_chain_head(provider_id)
    for event in sorted(events.values(), key=lambda event: event.pk):
        sequence += 1
        previous = verify.hash_event(serialize_event(event), previous, sequence)
        links.append(ChainLink(event_id=event.pk, provider_id=provider_id, sequence=sequence, hash=previous))
    ChainLink.objects.bulk_create(links)
    return len(links)


def lock_chain(provider_id: UUID | None) -> None:
    """Lock the chain until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"history of {provider_id}"])


def get_chain_head(provider_id: UUID | None) -> ChainHead:
    link = ChainLink.objects.filter(provider_id=provider_id).order_by("-sequence").first()
    return ChainHead(link.sequence, link.hash) if link else get_head_at_start(get_start_checkpoint(provider_id))


def get_start_checkpoint(provider_id: UUID | None) -> Checkpoint | None:
    """Return the checkpoint that a chain starts after, if older events were removed."""
    starts = Checkpoint.objects.filter(provider_id=provider_id, kind=Checkpoint.CheckpointType.START)
    return starts.order_by("-sequence").first()


def get_head_at_start(start: Checkpoint | None) -> ChainHead:
    """Return what the first remaining event of a chain follows."""
    return ChainHead(start.sequence, start.signed["hash"]) if start else ChainHead(0, verify.ZERO_HASH)


@transaction.atomic
def verify_stored_chains(heads: Mapping[UUID | None, ChainHead]) -> int:
    """Hash every event in the database anew; return their number.

    Raises verify.HistoryBroken, also when a chain does not end at its head in `heads`.
    """
    starts = Checkpoint.objects.filter(kind=Checkpoint.CheckpointType.START).order_by("sequence")
    found = {start.provider_id: get_head_at_start(start) for start in starts}
    links = ChainLink.objects.order_by("provider_id", "sequence").iterator(chunk_size=_BATCH_SIZE)
    count = 0
    while batch := list(islice(links, _BATCH_SIZE)):
        events = Event.objects.in_bulk([link.event_id for link in batch])
        for link in batch:
            before = found.get(link.provider_id, get_head_at_start(None))
            found[link.provider_id] = _check_link(link, events.get(link.event_id), before)
        count += len(batch)
    for provider_id, head in heads.items():
        if found.get(provider_id) != head:
            raise verify.HistoryBroken(f"the history of {provider_id} does not end at event {head.sequence}")
    return count


def _check_link(link: ChainLink, event: Event | None, before: ChainHead) -> ChainHead:
    number = before.sequence + 1
    if link.sequence != number or event is None:
        raise verify.HistoryBroken(f"event {number} of {link.provider_id} is missing")
    if link.hash != verify.hash_event(serialize_event(event), before.hash, number):
        raise verify.HistoryBroken(f"event {number} of {link.provider_id} was changed")
    return ChainHead(number, link.hash)


def serialize_event(event: Event) -> dict[str, Any]:
    """Return an event as it is hashed and exported."""
    return {
        "actor_id": _uuid_to_text(event.actor_id),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "correlation_id": event.correlation_id,
        "for_whom": event.for_whom,
        "id": str(event.pk),
        "on_behalf_of_id": _uuid_to_text(event.on_behalf_of_id),
        "origin": event.origin,
        "provider_id": _uuid_to_text(event.provider_id),
        "target_id": _uuid_to_text(event.target_id),
        "target_kind": event.target_kind,
        "verb": event.verb,
        "what": event.what,
        "who": event.who,
    }


def _uuid_to_text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
