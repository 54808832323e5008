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
from audit.models import UserEncryptionKey
from core import encryption

# The oldest key of a user comes last, and so wins in the dict. An erased user has one row without a key.
_KEYS_SQL = (
    "SELECT user_id, id, encrypted_key FROM audit_userencryptionkey WHERE user_id = ANY(%s::uuid[]) ORDER BY id DESC"
)
# Queries for users can annotate this as `history_key` to save a query per event: the id followed by the encrypted key.
KEY_SUBQUERY = (
    "(SELECT uuid_send(id) || encrypted_key FROM audit_userencryptionkey WHERE user_id = {user_id} ORDER BY id LIMIT 1)"
)
_KEY_ID_BYTES = 16  # bytes
_KeyRow = tuple[UUID, bytes | memoryview | None]  # the id of a key, and the encrypted key


class EventEncryptionKey(NamedTuple):
    """A decrypted key for the parts of events."""

    id: str
    user_id: str
    key: AESGCM

    def encrypt_part(self, part: dict[str, Any], *, event_id: UUID, name: str) -> dict[str, Any]:
        """Return `part`, the part `name` of an event, encrypted for storage."""
        encrypted = verify.encrypt_part(part, self.key, secrets.token_bytes(12), event_id=str(event_id), name=name)
        return {"key": self.id, "person_id": self.user_id, "sealed": encrypted}


def is_user(target: models.Model | None) -> bool:
    """Return whether `target` is a stored user, as opposed to a team, an office or an unknown username."""
    return isinstance(target, AbstractBaseUser) and target.pk is not None


def get_or_create_keys(targets: Iterable[models.Model | None]) -> dict[UUID, EventEncryptionKey]:
    """Return a key for each user among `targets`, creating missing ones. One query, none when all were annotated.

    Erased users get a key that is not stored, so that later events about them cannot be read.
    """
    users = [target for target in targets if target is not None and is_user(target)]
    rows = {user.pk: row for user in users if (row := _read_annotated_key(user))}
    missing = {user.pk for user in users} - rows.keys()
    if missing or not users:  # also without users: queries must not reveal whether a username exists
        rows |= _load_keys(missing)
        new = [_build_key_row(user_id) for user_id in sorted(missing - rows.keys())]
        rows |= {row.user_id: (row.pk, row.encrypted_key) for row in new}
        UserEncryptionKey.objects.bulk_create(new, batch_size=1000)
    return {user_id: _decrypt_key(user_id, *row) for user_id, row in rows.items()}


def _read_annotated_key(user: models.Model) -> _KeyRow | None:
    row: bytes | None = getattr(user, "history_key", None)
    return (UUID(bytes=row[:_KEY_ID_BYTES]), row[_KEY_ID_BYTES:]) if row else None


def _load_keys(ids: set[UUID]) -> dict[UUID, _KeyRow]:
    with connection.cursor() as cursor:  # runs for most events: the ORM would double the cost
        cursor.execute(_KEYS_SQL, [list(ids)])
        return {user_id: (key_id, encrypted_key) for user_id, key_id, encrypted_key in cursor.fetchall()}


def _decrypt_key(user_id: UUID, key_id: UUID, encrypted_key: bytes | memoryview | None) -> EventEncryptionKey:
    if encrypted_key is None:
        row = _build_key_row(user_id)
        key_id, encrypted_key = row.pk, row.encrypted_key
    key = UserEncryptionKey.decrypt_stored_key(key_id, bytes(encrypted_key or b""))
    return EventEncryptionKey(str(key_id), str(user_id), key)


def _build_key_row(user_id: UUID) -> UserEncryptionKey:
    row = UserEncryptionKey(user_id=user_id)
    row.encrypted_key = encryption.encrypt(secrets.token_bytes(32), context=row.encryption_context)
    return row


@transaction.atomic
def destroy_keys(user_id: UUID) -> None:
    """Destroy every key of a user: personal data about them in events becomes unreadable for good."""
    UserEncryptionKey.objects.filter(user_id=user_id).delete()
    UserEncryptionKey.objects.create(user_id=user_id, encrypted_key=None)
