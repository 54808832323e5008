"""Key rotation: check or re-encrypt every value encrypted with LOKET_SEALING_KEYS."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db import models

from audit.models import UserEncryptionKey
from authentication.models import AuthenticatorApp, PasswordResetRequest
from core import encryption
from imports.models import ImportJob, ImportJobPage
from oauth.models import IdempotentResponse, SigningKey
from outbox.models import Message
from scim.models import DirectoryUser
from senders.models import DkimKey


class EncryptedColumn(NamedTuple):
    """A column of encrypted values and the context that binds each value to its row."""

    model: type[models.Model]
    name: str
    context: Callable[[Any], str]


ENCRYPTED_COLUMNS = (
    EncryptedColumn(UserEncryptionKey, "encrypted_key", lambda row: row.encryption_context),
    EncryptedColumn(Message, "encrypted_body", lambda row: row.encryption_context),
    EncryptedColumn(DirectoryUser, "encrypted_phone", lambda row: row.encryption_context),
    EncryptedColumn(AuthenticatorApp, "encrypted_secret", lambda row: row.encryption_context),
    EncryptedColumn(PasswordResetRequest, "encrypted_email", lambda row: row.encryption_context),
    EncryptedColumn(SigningKey, "encrypted_pem", lambda row: row.encryption_context),
    EncryptedColumn(DkimKey, "encrypted_private_key", lambda row: row.encryption_context),
    EncryptedColumn(IdempotentResponse, "encrypted_response", lambda row: row.encryption_context),
    EncryptedColumn(ImportJob, "encrypted_input", lambda row: row.encryption_context("input")),
    EncryptedColumn(ImportJob, "encrypted_summary", lambda row: row.encryption_context("summary")),
    EncryptedColumn(ImportJobPage, "encrypted_values", lambda row: row.encryption_context),
)


_CHUNK_ROWS = 20  # rows in memory at once: an imported file may have 64 MB
_SAMPLE_ROWS = 20  # the oldest of a column, and as many of the newest


class RotationResult(NamedTuple):
    """Number of values in a column, of values under an older key, and of values that no key decrypts."""

    column: EncryptedColumn
    value_count: int
    older_key_count: int
    unreadable_count: int


def _list_rows(column: EncryptedColumn) -> models.QuerySet[Any]:
    """Return the rows with a value, without loading other encrypted values of the same row."""
    others = [other.name for other in ENCRYPTED_COLUMNS if other.model is column.model and other.name != column.name]
    rows: models.QuerySet[Any] = column.model._default_manager.exclude(**{column.name: None})
    return rows.defer(*others)


def rotate_keys(*, reencrypt: bool) -> Iterator[RotationResult]:
    """Check every encrypted column; with `reencrypt`, re-encrypt values of older keys with the newest one.

    A value that changes in the meantime is skipped: the change encrypts it with the newest key, or removes it.
    """
    for column in ENCRYPTED_COLUMNS:
        values = older = unreadable = 0
        rows = _list_rows(column).order_by("pk")
        for row in rows.iterator(chunk_size=_CHUNK_ROWS):
            values += 1
            encrypted = bytes(getattr(row, column.name))
            try:
                fresh = encryption.reencrypt(encrypted, context=column.context(row))
            except encryption.DecryptionError:
                unreadable += 1
                continue
            older += fresh is not None
            if reencrypt and fresh is not None:
                rows.filter(pk=row.pk, **{column.name: encrypted}).update(**{column.name: fresh})
        yield RotationResult(column, values, older, unreadable)


def sample_fingerprints() -> Counter[tuple[str, bool]]:
    """Count the oldest and newest values of each column by the fingerprint of their key and whether they decrypt."""
    counts: Counter[tuple[str, bool]] = Counter()
    for column in ENCRYPTED_COLUMNS:
        rows = _list_rows(column)
        ends = [rows.order_by(order).values_list("pk", flat=True)[:_SAMPLE_ROWS] for order in ("pk", "-pk")]
        for row in rows.filter(pk__in={pk for end in ends for pk in end}).iterator(chunk_size=1):  # files may be large
            encrypted = bytes(getattr(row, column.name))
            counts[encryption.get_fingerprint(encrypted), _is_readable(encrypted, column.context(row))] += 1
    return counts


def _is_readable(encrypted: bytes, context: str) -> bool:
    try:
        encryption.decrypt(encrypted, context=context)
    except encryption.DecryptionError:
        return False
    return True
