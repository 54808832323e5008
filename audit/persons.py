"""The keys with which the history seals what says who somebody is, and forgetting somebody for good."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection, models, transaction

from audit import verify
from audit.models import PersonKey
from loket import sealing

# The oldest of a person comes last, and so counts. Of who was erased there is one without a key.
_KEYS = "SELECT id, person_id, sealed_key FROM audit_personkey WHERE person_id = ANY(%s::uuid[]) ORDER BY id DESC"
# What a query for people may bring along as `history_key`, so that an event need not ask: an id, and after it the key.
BROUGHT = "(SELECT uuid_send(id) || sealed_key FROM audit_personkey WHERE person_id = {person} ORDER BY id LIMIT 1)"
_ID = 16  # bytes
_Row = tuple[UUID, bytes | memoryview | None]  # the id of a key, and the key itself, sealed


class Key(NamedTuple):
    """A key to seal with."""

    id: str
    person_id: str
    key: AESGCM

    def seal(self, part: dict[str, Any], *, event_id: UUID, name: str) -> dict[str, Any]:
        """Return `part`, the part `name` of an event, as it is stored."""
        sealed = verify.seal(part, self.key, secrets.token_bytes(12), event_id=str(event_id), name=name)
        return {"key": self.id, "person_id": self.person_id, "sealed": sealed}


def is_person(one: models.Model | None) -> bool:
    """Return whether `one` is somebody, and not a team, an office or a stranger."""
    return isinstance(one, AbstractBaseUser) and one.pk is not None


def keys_of(people: Iterable[models.Model | None]) -> dict[UUID, Key]:
    """Return a key for each person among `people`, made where there is none yet. One query, none when all bring one.

    Who was erased gets one that is kept nowhere, so that nothing that is said of him can be read any more.
    """
    persons = [one for one in people if one is not None and is_person(one)]
    kept = {one.pk: row for one in persons if (row := _brought(one))}
    asked = {one.pk for one in persons} - kept.keys()
    if asked or not persons:  # of nobody as well: whether a username exists must not show in what is asked
        kept |= _stored(asked)
        kept |= {row.person_id: (row.pk, row.sealed_key) for row in _make(asked - kept.keys())}
    return {id: _key(key_id, id, sealed) for id, (key_id, sealed) in kept.items()}


def _brought(person: models.Model) -> _Row | None:
    row: bytes | None = getattr(person, "history_key", None)
    return (UUID(bytes=row[:_ID]), row[_ID:]) if row else None


def _stored(ids: set[UUID]) -> dict[UUID, _Row]:
    with connection.cursor() as cursor:  # most events ask this: no query of Django's, which costs as much again
        cursor.execute(_KEYS, [f"{{{','.join(map(str, ids))}}}"])
        return {person_id: (id, sealed) for id, person_id, sealed in cursor.fetchall()}


def _make(ids: set[UUID]) -> list[PersonKey]:
    return PersonKey.objects.bulk_create([_made(id) for id in sorted(ids)], batch_size=1000) if ids else []


def _key(id: UUID, person_id: UUID, sealed: bytes | memoryview | None) -> Key:
    if sealed is None:
        row = _made(person_id)
        id, sealed = row.pk, row.sealed_key
    return Key(str(id), str(person_id), PersonKey.unsealed(id, bytes(sealed or b"")))


def _made(person_id: UUID) -> PersonKey:
    row = PersonKey(person_id=person_id)
    row.sealed_key = sealing.seal(secrets.token_bytes(32), context=row.seal_context)
    return row


@transaction.atomic
def forget(person_id: UUID) -> None:
    """Destroy every key of a person: what the history said of him cannot be read any more, by nobody."""
    PersonKey.objects.filter(person_id=person_id).delete()
    PersonKey.objects.create(person_id=person_id, sealed_key=None)
