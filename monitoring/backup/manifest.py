"""The manifest of a backup: what the database must hold, and which keys it needs. It holds no secret."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from audit import verify
from audit.chain import ChainHead
from core import encryption
from monitoring.backup import BackupError
from monitoring.key_rotation import ENCRYPTED_COLUMNS

_FORMAT, _PURPOSE = "loket-backup-1", "manifest of a backup"
_SIGNATURE, _FINGERPRINT = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{8}")
_HEADS_SQL = """
SELECT DISTINCT ON (provider_id) provider_id::text, sequence, hash FROM audit_chainlink
ORDER BY provider_id, sequence DESC
"""
_TABLES_SQL = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_COLUMNS_SQL = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"


@dataclass(frozen=True)
class DatabaseState:
    """What is in a database: compared before and after."""

    migrations: list[str]
    rows: dict[str, int]  # by table
    heads: list[list[Any]]  # of each chain of the history: office, sequence, hash


@dataclass(frozen=True)
class Manifest:
    version: str  # of Loket
    created_at: str
    server_major: int  # of PostgreSQL
    tool_major: int  # of pg_dump
    key_fingerprints: list[str]  # of the encryption keys that are needed
    dump_bytes: int
    dump_sha256: str
    state: DatabaseState

    @property
    def chain_heads(self) -> dict[UUID | None, ChainHead]:
        """Head of each chain by the office; that of no office is at None."""
        return {office and UUID(office): ChainHead(sequence, digest) for office, sequence, digest in self.state.heads}

    def encode(self) -> bytes:
        """Return the manifest as JSON, signed with the newest encryption key."""
        content = asdict(self) | {"format": _FORMAT}
        return verify.encode_canonical_json(
            content | {"signature": encryption.compute_keyed_hash(_to_text(content), purpose=_PURPOSE)}
        )


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest after checking keys and signature. Raises BackupError."""
    try:
        content: dict[str, Any] = json.loads(data)
        if content["format"] != _FORMAT:
            raise BackupError("This backup was made by another release of Loket: install that release.")
        signature, needed = content.pop("signature"), content["key_fingerprints"]
        is_valid = _SIGNATURE.fullmatch(signature) and all(_FINGERPRINT.fullmatch(key) for key in needed)
        text = _to_text(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_valid = None
    if not is_valid:
        raise BackupError("The manifest of this backup is damaged: use another backup.")
    present = encryption.list_key_fingerprints()
    if missing := [key for key in needed if key not in present]:
        raise BackupError(
            f"This backup needs the encryption key with fingerprint {', '.join(missing)}. LOKET_SEALING_KEYS has"
            f" {', '.join(present)}: add the key to it, behind the others."
        )
    if not encryption.verify_keyed_hash(text, signature, purpose=_PURPOSE):
        raise BackupError("The manifest of this backup was changed: use another backup.")
    del content["format"]
    return Manifest(**content | {"state": DatabaseState(**content["state"])})


def _to_text(content: dict[str, Any]) -> str:
    return verify.encode_canonical_json(content).decode()


def read_state() -> DatabaseState:
    """Return what is in the database; call it while nothing else writes, or in a transaction with one snapshot."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
        migrations = [name for (name,) in cursor.fetchall()]
        cursor.execute(_HEADS_SQL)
        heads = [list(row) for row in cursor.fetchall()]
        cursor.execute(_TABLES_SQL)
        rows = {table: _count_rows(cursor, table) for (table,) in cursor.fetchall()}
    return DatabaseState(migrations, rows, heads)


def _count_rows(cursor: CursorWrapper, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
    return int(cursor.fetchone()[0])


def list_needed_keys() -> list[str]:
    """Return the fingerprints of the newest key, which signs, and of each key that encrypted a value.

    A database of another release may lack some of the columns.
    """
    needed = set(encryption.list_key_fingerprints()[:1])
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS_SQL)
        present = set(cursor.fetchall())
        for column in ENCRYPTED_COLUMNS:
            table = column.model._meta.db_table
            if (table, column.name) in present:
                cursor.execute(f"SELECT DISTINCT encode(substr({column.name}, 1, 4), 'hex') FROM {table}")  # noqa: S608
                needed |= {fingerprint for (fingerprint,) in cursor.fetchall() if fingerprint}
    return sorted(needed)
