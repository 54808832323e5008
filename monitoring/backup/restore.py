"""Restore a backup into an empty database, and prove that what was in it is there."""

import hashlib
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from audit import chain, verify
from core import db_roles
from monitoring import key_rotation
from monitoring.backup import BackupError, manifest, tools
from monitoring.backup.create import DUMP_NAME, MANIFEST_NAME
from monitoring.backup.manifest import Manifest

_MAX_MANIFEST_BYTES = 256 * 1024 * 1024
_SAMPLE_SIZE = 100  # values of each encrypted column
_OBJECTS_SQL = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
"""


def check_backup(path: Path) -> Manifest:
    """Return the manifest of a backup after checking every byte of it, its keys and its release. Raises BackupError."""
    try:
        with ZipFile(path) as archive:
            if sorted(archive.namelist()) != [DUMP_NAME, MANIFEST_NAME]:
                raise BackupError(f"{path} is not a backup of Loket.")
            if archive.getinfo(MANIFEST_NAME).file_size > _MAX_MANIFEST_BYTES:
                raise BackupError("The manifest of this backup is damaged: use another backup.")
            found = manifest.decode_manifest(archive.read(MANIFEST_NAME))
            with archive.open(DUMP_NAME) as dump:
                digest = _hash_dump(dump)
    except (BadZipFile, EOFError, NotImplementedError):
        raise BackupError(
            f"{path} is damaged, or the half of a backup that was interrupted: use another one."
        ) from None
    if digest != found.dump_sha256:
        raise BackupError(f"The database in {path} was changed or damaged: use another backup.")
    _require_known_migrations(found)
    return found


def _hash_dump(dump: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := dump.read(tools.CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _require_known_migrations(found: Manifest) -> None:
    known = {".".join(key) for key in MigrationLoader(None).disk_migrations or {}}
    if unknown := sorted(set(found.state.migrations) - known):
        raise BackupError(
            f"This backup was made by Loket {found.version}, which has tables that this release does not know"
            f" ({unknown[0]}): install that release or a newer one."
        )


def restore_backup(path: Path, found: Manifest) -> int:
    """Restore a checked backup into the empty database, verify it, and return the number of events in the history.

    Raises BackupError; until the database is complete, nothing of it stays.
    """
    with db_roles.use_owner_role():
        _require_empty_database(found)
        tool = tools.find_tool("pg_restore", found.tool_major)
        options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
        with ZipFile(path) as archive, archive.open(DUMP_NAME) as dump:
            tools.write_input(tool, *options, source=dump)
        _require_state(found)
        call_command("migrate", verbosity=0)  # also grants the application its privileges
    return _verify_history(found)


def _require_empty_database(found: Manifest) -> None:
    major = tools.get_server_major()
    if major < found.server_major:
        raise BackupError(f"The backup is of PostgreSQL {found.server_major}, and this server is {major}: upgrade it.")
    with connection.cursor() as cursor:
        cursor.execute(_OBJECTS_SQL)
        (count,) = cursor.fetchone()
    if count:
        raise BackupError(
            f"The database {connection.settings_dict['NAME']} is not empty: {count} tables and sequences. Restore into"
            " a new database. If an earlier restore was interrupted, drop its database and create it again."
        )


@transaction.atomic
def _require_state(found: Manifest) -> None:
    state = manifest.read_state()
    wrong = [name for name, count in found.state.rows.items() if state.rows.get(name) != count]
    if wrong or state != found.state:
        where = ", ".join(wrong[:5]) or "the migrations or the history"
        raise BackupError(f"The restored database is not what was backed up: {where} differ. Do not use it.")


def _verify_history(found: Manifest) -> int:
    """Verify every chain up to its recorded head, and a sample of what is encrypted."""
    try:
        count = chain.verify_stored_chains(found.chain_heads)
    except verify.HistoryBroken as broken:
        raise BackupError(f"The restored history is broken: {broken}. Do not use this database.") from None
    readings = key_rotation.sample_fingerprints(_SAMPLE_SIZE)
    if unreadable := sum(number for (_key, is_readable), number in readings.items() if not is_readable):
        raise BackupError(f"{unreadable} values cannot be decrypted: see loket rotate_encryption_key --check.")
    return count
