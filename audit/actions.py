"""Writing the audit trail."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import models, transaction

from audit.actors import Actor
from audit.models import Event, Verb


def record(
    verb: Verb,
    target: models.Model,
    *,
    by: Actor,
    provider_id: UUID | None,
    changes: dict[str, list[Any]] | None = None,
    reason: str = "",
) -> Event:
    """Write one event in the transaction of the change (design section 4, rule 9).

    Arguments: `target` is what was changed, its text form is copied; `changes` maps a field to [old, new] and never
    holds a secret; `reason` is in the words of the actor, at most 500 characters.
    Raises TransactionManagementError outside a transaction: no event, no change.
    """
    (event,) = record_each(verb, [target], by=by, provider_id=provider_id, changes=changes, reason=reason)
    return event


def record_each(
    verb: Verb,
    targets: Iterable[models.Model],
    *,
    by: Actor,
    provider_id: UUID | None,
    changes: dict[str, list[Any]] | None = None,
    reason: str = "",
) -> list[Event]:
    """Write the same event for each of `targets`, otherwise as `record`."""
    same = changes or {}
    return record_all(verb, ((target, same) for target in targets), by=by, provider_id=provider_id, reason=reason)


def record_all(
    verb: Verb,
    changed: Iterable[tuple[models.Model, dict[str, list[Any]]]],
    *,
    by: Actor,
    provider_id: UUID | None,
    reason: str = "",
) -> list[Event]:
    """Write an event for each of `changed`, a target with its own changes, otherwise as `record`."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("an event belongs in the transaction of the change")
    events = [
        Event(
            provider_id=provider_id,
            actor_id=by.user.pk if by.user else None,
            actor_name=by.name[:200],
            address=by.address or None,
            origin=by.origin,
            verb=verb,
            target_kind=target._meta.label_lower.partition(".")[2],
            target_id=target.pk,
            target_name=str(target)[:200],
            changes=changes,
            reason=reason[:500],
            correlation_id=by.correlation_id,
        )
        for target, changes in changed
    ]
    return Event.objects.bulk_create(events, batch_size=1000)
