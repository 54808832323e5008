"""Restore a backup into an empty database, and prove that what was in it is there."""

import hashlib
import struct
from typing import IO, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from django.core.management import call_command
from django.db import connection, transaction

from audit import chain, checkpoints, verify
from core import db_roles
from monitoring import health, key_rotation
from monitoring.backup import BackupError, tools
from monitoring.backup.create import DUMP_NAME, MANIFEST_NAME
from monitoring.backup.manifest import Manifest, decode_manifest, read_state

_MAX_MANIFEST_BYTES = 64 * 1024 * 1024  # of half a million offices
_ENCRYPTED_FLAG = 1  # of a ZIP entry
_OBJECTS_SQL = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
"""


class VerifiedHistory(NamedTuple):
    """Number of events, and of the checkpoints they follow on that LOKET_CHECKPOINT_KEY did not sign."""

    events: int
    unsigned_checkpoints: int


def check_backup(file: IO[bytes]) -> Manifest:
    """Return the manifest of a backup after checking every byte of it, its keys and its release. Raises BackupError."""
    try:
        with ZipFile(file) as archive:
            manifest = decode_manifest(_read_manifest(archive))
            with archive.open(DUMP_NAME) as dump:
                digest = hashlib.file_digest(dump, "sha256").hexdigest()  # type: ignore[arg-type]
    except (BadZipFile, EOFError, ValueError, RuntimeError, struct.error):
        raise BackupError("The file is damaged, or an incomplete backup: use another one.") from None
    if digest != manifest.dump_sha256:
        raise BackupError("The database in the file was changed or damaged: use another backup.")
    _require_known_migrations(manifest)
    return manifest


def _read_manifest(archive: ZipFile) -> bytes:
    entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
    if [entry.filename for entry in entries] != [DUMP_NAME, MANIFEST_NAME] or not all(map(_is_stored, entries)):
        raise BackupError("The file is not a backup of Loket.")
    if entries[1].file_size > _MAX_MANIFEST_BYTES:
        raise BackupError("The manifest of this backup is damaged: use another backup.")
    return archive.read(entries[1])


def _is_stored(entry: ZipInfo) -> bool:
    return entry.compress_type == ZIP_STORED and not entry.flag_bits & _ENCRYPTED_FLAG


def _require_known_migrations(manifest: Manifest) -> None:
    known = {".".join(key) for key in health.load_release_migrations()}
    if unknown := sorted(set(manifest.state.migrations) - known):
        raise BackupError(
            f"This backup was made by Loket {manifest.version}, which has tables that this release does not know"
            f" ({unknown[0]}): install that release or a newer one."
        )


def restore_backup(file: IO[bytes], manifest: Manifest) -> VerifiedHistory:
    """Restore a checked backup into the empty database and verify it.

    Raises BackupError; until the database is complete, nothing of it stays.
    """
    with db_roles.use_owner_role():
        _require_empty_database(manifest)
        tool = tools.find_tool("pg_restore", manifest.tool_major)
        options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
        with ZipFile(file) as archive, archive.open(DUMP_NAME) as dump:
            tools.write_input(tool, *options, source=dump)
        _require_state(manifest)
        db_roles.execute_statements(["ANALYZE"])  # otherwise queries are planned without statistics for a while
        call_command("migrate", verbosity=0)  # also grants the application its privileges
    return _verify_history(manifest)


def _require_empty_database(manifest: Manifest) -> None:
    major, wanted = tools.get_server_major(), manifest.server_major
    if major < wanted:
        raise BackupError(f"The backup is of PostgreSQL {wanted}, and this server is {major}: upgrade it.")
    with connection.cursor() as cursor:
        cursor.execute(_OBJECTS_SQL)
        (count,) = cursor.fetchone()
    if count:
        raise BackupError(
            f"The database {connection.settings_dict['NAME']} is not empty: {count} tables and sequences. Restore into"
            " a new database. If an earlier restore was interrupted, drop its database and create it again."
        )


@transaction.atomic
def _require_state(manifest: Manifest) -> None:
    state = read_state()
    wrong = [name for name, count in manifest.state.rows.items() if state.rows.get(name) != count]
    if wrong or state != manifest.state:
        where = ", ".join(wrong[:5]) or "the migrations or the history"
        raise BackupError(f"The restored database is not what was backed up: {where} differ. Do not use it.")


def _verify_history(manifest: Manifest) -> VerifiedHistory:
    """Verify every chain up to its recorded head, and a sample of what is encrypted."""
    try:
        events = chain.verify_stored_chains(manifest.chain_heads)
    except verify.HistoryBroken as broken:
        raise BackupError(f"The restored history is broken: {broken}. Do not use this database.") from None
    readings = key_rotation.sample_fingerprints()
    if unreadable := sum(number for (_key, is_readable), number in readings.items() if not is_readable):
        raise BackupError(f"{unreadable} values cannot be decrypted: see loket rotate_encryption_key --check.")
    return VerifiedHistory(events, checkpoints.count_unsigned())
