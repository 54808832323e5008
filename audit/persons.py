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

# The oldest of a person comes last, and so counts.
_KEYS = "SELECT id, person_id, sealed_key FROM audit_personkey WHERE person_id = ANY(%s::uuid[]) ORDER BY id DESC"


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
    """Return a key for each person among `people`, made where there is none yet. One query when all have one.

    Who was erased gets one that is kept nowhere, so that nothing that is said of him can be read any more.
    """
    ids = {one.pk for one in people if one is not None and is_person(one)}
    with connection.cursor() as cursor:  # each event asks this: no query of Django's, which costs as much again
        # Of nobody as well: whether a username exists must not show in what is asked of the database.
        cursor.execute(_KEYS, [f"{{{','.join(map(str, ids))}}}"])
        known = {person_id: (id, sealed) for id, person_id, sealed in cursor.fetchall()}
    made = {id: _made(id) for id in sorted(ids - known.keys())}
    if made:
        PersonKey.objects.bulk_create(made.values(), batch_size=1000)
    kept = known | {id: (row.pk, row.sealed_key) for id, row in made.items()}
    return {id: _key(key_id, id, sealed) for id, (key_id, sealed) in kept.items()}


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
