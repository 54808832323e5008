"""The hash chain: every event gets a sequence number and a hash, in the order of one sequencer per office.

Transactions that record events take no part in it and wait for nothing. An event may be committed after an event with a
higher id was added: the chain has the order in which the sequencer found them, without gaps or omissions.
"""

from datetime import UTC
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit import verify
from audit.models import Checkpoint, Event, Link, Waiting
from loket import periodic

_BATCH = 1000


class Head(NamedTuple):
    """The end of a chain."""

    sequence: int
    hash: str


def lengthen_all() -> int:
    """Add all pending events to their chains; return their number. A job that any number of workers may run."""
    offices = Waiting.objects.order_by().values_list("provider_id", flat=True).distinct()
    return sum(periodic.each(lengthen, offices))


def lengthen(provider_id: UUID | None) -> int:
    """Add the pending events of an office, or of no office, to its chain; return their number."""
    made = 0
    while batch := _lengthen_once(provider_id):
        made += batch
        if batch < _BATCH:
            break
    return made


@transaction.atomic
def _lengthen_once(provider_id: UUID | None) -> int:
    lock(provider_id)
    waiting = Waiting.objects.filter(provider_id=provider_id).order_by("event_id").values_list("event_id", flat=True)
    events = Event.objects.in_bulk(waiting[:_BATCH])
    links, (sequence, previous) = [], head(provider_id)
    for event in sorted(events.values(), key=lambda event: event.pk):
        sequence += 1
        previous = verify.hash_of(exported(event), previous, sequence)
        links.append(Link(event_id=event.pk, provider_id=provider_id, sequence=sequence, hash=previous))
    Link.objects.bulk_create(links)
    return len(links)


def lock(provider_id: UUID | None) -> None:
    """Lock the chain until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"history of {provider_id}"])


def head(provider_id: UUID | None) -> Head:
    """Return the stored end of a chain."""
    link = Link.objects.filter(provider_id=provider_id).order_by("-sequence").first()
    return Head(link.sequence, link.hash) if link else after(start(provider_id))


def start(provider_id: UUID | None) -> Checkpoint | None:
    """Return the checkpoint that a chain starts after, if older events were removed."""
    starts = Checkpoint.objects.filter(provider_id=provider_id, kind=Checkpoint.Kind.START)
    return starts.order_by("-sequence").first()


def after(start: Checkpoint | None) -> Head:
    """Return what the first remaining event of a chain follows."""
    return Head(start.sequence, start.signed["hash"]) if start else Head(0, verify.ZERO)


def exported(event: Event) -> dict[str, Any]:
    """Return an event as it is hashed and exported."""
    return {
        "actor_id": _text(event.actor_id),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "correlation_id": event.correlation_id,
        "for_whom": event.for_whom,
        "id": str(event.pk),
        "on_behalf_of_id": _text(event.on_behalf_of_id),
        "origin": event.origin,
        "provider_id": _text(event.provider_id),
        "target_id": _text(event.target_id),
        "target_kind": event.target_kind,
        "verb": event.verb,
        "what": event.what,
        "who": event.who,
    }


def _text(id: UUID | None) -> str | None:
    return None if id is None else str(id)
