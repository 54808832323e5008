"""Removal of an office's oldest events after the retention period, as the owner of the tables."""

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from django.db import connection, models, transaction

from audit import chain, checkpoints
from audit.actions import record
from audit.actors import Actor
from audit.changes import Changes
from audit.models import ChainLink, Checkpoint, Event, Verb
from history import snapshots


@transaction.atomic
def trim_events(office: models.Model, *, before: datetime, by: Actor) -> int:
    """Remove the events of `office` up to the first one not from `before`; return their number.

    A signed checkpoint states where the chain continues, a snapshot of teams and rights at that point is recorded, and
    an event records the removal. Requires the database role that owns the tables.
    """
    chain.lock_chain(office.pk)
    chain.append_pending(office.pk)
    links = ChainLink.objects.filter(provider_id=office.pk)
    remaining = Event.objects.filter(provider_id=office.pk, at__gte=before).values("pk")
    first = links.filter(event_id__in=remaining).order_by("sequence").first()
    old = links.filter(sequence__lt=first.sequence) if first else links
    last = old.order_by("-sequence").first()
    if last is None:
        return 0
    at = chain.ChainHead(last.sequence, last.hash)
    start = checkpoints.sign_head(office.pk, at, Checkpoint.CheckpointType.START)
    Checkpoint.objects.create(
        provider_id=office.pk, kind=Checkpoint.CheckpointType.START, sequence=at.sequence, signed=start
    )
    by = replace(by, correlation_id=str(uuid4()))
    snapshots.record_snapshot(office, links.filter(sequence__lte=at.sequence), by=by)
    what: Changes = {"up_to": [None, at.sequence], "before": [None, before.isoformat()]}
    record(Verb.HISTORY_TRIMMED, office, by=by, provider_id=office.pk, changes=what)
    chain.append_pending(office.pk)
    return _delete_events(links.filter(sequence__lte=at.sequence))


def _delete_events(links: models.QuerySet[ChainLink]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL loket.removes_history = 'yes'")
    Event.objects.filter(pk__in=links.values("event_id"))._raw_delete(using="default")
    return links._raw_delete(using="default")
