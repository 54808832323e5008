"""Recording of audit events."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import models, transaction

from audit import encryption_keys, insert, redaction
from audit.actors import Actor
from audit.changes import Changes
from audit.models import Event, Verb

SEARCH_TERM_MASK = "…"  # recorded instead of a search term, which may be a name


def record(
    verb: Verb,
    target: models.Model,
    *,
    by: Actor,
    provider_id: UUID | None,
    changes: Changes | None = None,
    reason: str = "",
) -> Event:
    """Record one event in the transaction of the change (rule 9).

    `target` is the changed object, whose text form is copied; `changes` maps a field to [old, new] and never holds a
    secret; `reason` is the actor's own, at most 500 characters, and defaults to that of `by`. Raises
    TransactionManagementError outside a transaction, PermissionDenied during impersonation, so that no action can
    complete.
    """
    (event,) = record_many(verb, [(target, changes or {})], by=by, provider_id=provider_id, reason=reason)
    return event


def record_many(
    verb: Verb,
    changed: Iterable[tuple[models.Model, Changes]],
    *,
    by: Actor,
    provider_id: UUID | None,
    reason: str = "",
) -> list[Event]:
    """Record an event for each of `changed`, a target with its own changes, otherwise as `record`.

    Two queries: one for the keys of the users among them, one that inserts the events (one for each 5,000).
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("an event belongs in the transaction of the change")
    events = _build_events(verb, list(changed), by, provider_id, reason)
    insert.insert_events(events)
    return events


def _build_events(
    verb: Verb, changed: list[tuple[models.Model, Changes]], by: Actor, provider_id: UUID | None, reason: str
) -> list[Event]:
    by.require_not_impersonating()
    people = [by.recorded_user, by.on_behalf_of, *(target for target, _changes in changed)]
    keys = encryption_keys.get_or_create_keys(people)
    events = []
    for target, changes in changed:
        event = Event(
            provider_id=provider_id,
            actor_id=by.recorded_user.pk if by.recorded_user else None,
            on_behalf_of_id=by.on_behalf_of.pk if by.on_behalf_of else None,
            origin=by.origin,
            verb=verb,
            target_kind=target._meta.label_lower.partition(".")[2],
            target_id=target.pk,
            correlation_id=by.correlation_id,
        )
        what = {"changes": redaction.redact_changes(changes), "name": str(target)[:200]}
        _encrypt_parts(event, target, by, what | {"reason": (reason or by.reason)[:500]}, keys)
        events.append(event)
    return events


def _encrypt_parts(
    event: Event,
    target: models.Model,
    by: Actor,
    what: dict[str, Any],
    keys: Mapping[UUID, encryption_keys.EventEncryptionKey],
) -> None:
    """Fill the parts of `event`, each encrypted for the user it is about."""

    def encrypt(name: str, content: dict[str, Any], subject: models.Model | None) -> dict[str, Any]:
        key = keys.get(subject.pk) if subject is not None and encryption_keys.is_user(subject) else None
        return key.encrypt_part(content, event_id=event.pk, name=name) if key else content

    # The network address of a failed sign-in is personal data of the user whose account was tried.
    actor = by.recorded_user or (target if by.address else None)
    event.who = encrypt("who", {"address": by.address or None, "name": by.name[:200]}, actor)
    event.what = encrypt("what", what, target)
    if by.on_behalf_of is not None:
        event.for_whom = encrypt("for_whom", {"name": by.on_behalf_of.full_name[:200]}, by.on_behalf_of)
