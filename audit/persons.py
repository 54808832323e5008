"""Keys that encrypt personal data in events, one or more per user, and their destruction on erasure."""

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

# The oldest key of a user comes last, and so wins in the dict. An erased user has one row without a key.
_KEYS = "SELECT id, person_id, sealed_key FROM audit_personkey WHERE person_id = ANY(%s::uuid[]) ORDER BY id DESC"
# Queries for users can annotate this as `history_key` to save a query per event: the id followed by the encrypted key.
BROUGHT = "(SELECT uuid_send(id) || sealed_key FROM audit_personkey WHERE person_id = {person} ORDER BY id LIMIT 1)"
_ID = 16  # bytes
_Row = tuple[UUID, bytes | memoryview | None]  # the id of a key, and the encrypted key


class Key(NamedTuple):
    """A decrypted key for the parts of events."""

    id: str
    person_id: str
    key: AESGCM

    def seal(self, part: dict[str, Any], *, event_id: UUID, name: str) -> dict[str, Any]:
        """Return `part`, the part `name` of an event, encrypted and as it is stored."""
        sealed = verify.seal(part, self.key, secrets.token_bytes(12), event_id=str(event_id), name=name)
        return {"key": self.id, "person_id": self.person_id, "sealed": sealed}


def is_person(one: models.Model | None) -> bool:
    """Return whether `one` is a stored user, as opposed to a team, an office or an unknown username."""
    return isinstance(one, AbstractBaseUser) and one.pk is not None


def keys_of(people: Iterable[models.Model | None]) -> dict[UUID, Key]:
    """Return a key for each user among `people`, creating missing ones. One query, none when all were annotated.

    Erased users get a key that is not stored, so that later events about them cannot be read.
    """
    persons = [one for one in people if one is not None and is_person(one)]
    kept = {one.pk: row for one in persons if (row := _brought(one))}
    asked = {one.pk for one in persons} - kept.keys()
    if asked or not persons:  # also without users: queries must not reveal whether a username exists
        kept |= _stored(asked)
        kept |= {row.person_id: (row.pk, row.sealed_key) for row in _make(asked - kept.keys())}
    return {id: _key(key_id, id, sealed) for id, (key_id, sealed) in kept.items()}


def _brought(person: models.Model) -> _Row | None:
    row: bytes | None = getattr(person, "history_key", None)
    return (UUID(bytes=row[:_ID]), row[_ID:]) if row else None


def _stored(ids: set[UUID]) -> dict[UUID, _Row]:
    with connection.cursor() as cursor:  # runs for most events: the ORM would double the cost
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
    """Destroy every key of a user: personal data about them in events becomes unreadable for good."""
    PersonKey.objects.filter(person_id=person_id).delete()
    PersonKey.objects.create(person_id=person_id, sealed_key=None)
