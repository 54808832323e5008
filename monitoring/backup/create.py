"""Make a backup: pg_dump and the manifest read one snapshot of the database, while the product runs."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from zipfile import ZIP_STORED, ZipFile

from django.db import connection, transaction
from django.utils import timezone

from core import __version__, db_roles
from monitoring.backup import BackupError, tools
from monitoring.backup.manifest import Manifest, list_needed_keys, read_state

DUMP_NAME, MANIFEST_NAME = "database.dump", "manifest.json"
_DRAFT_PREFIX, _DRAFT_SUFFIX = "loket-backup-", ".partial"


def list_drafts(folder: Path) -> list[Path]:
    """Return the incomplete backups in a folder: those that were interrupted, and those that are being written."""
    return sorted(folder.glob(f"{_DRAFT_PREFIX}*{_DRAFT_SUFFIX}"))


def create_backup(path: Path) -> Manifest:
    """Write a backup to `path`, which must not exist, and return its manifest. Raises BackupError."""
    with db_roles.use_owner_role(), _create_file(path) as file, transaction.atomic():
        snapshot = _begin_snapshot()
        state, keys, major = read_state(), list_needed_keys(), tools.get_server_major()
        tool = tools.find_tool("pg_dump", major)
        with ZipFile(file, "w", ZIP_STORED) as archive:
            with archive.open(DUMP_NAME, "w", force_zip64=True) as entry:
                size, digest = _write_dump(tool, snapshot, entry)
            manifest = Manifest(
                version=__version__,
                created_at=timezone.now().isoformat(timespec="seconds"),
                server_major=major,
                tool_major=tools.read_major(tool),
                key_fingerprints=keys,
                dump_bytes=size,
                dump_sha256=digest,
                state=state,
            )
            archive.writestr(MANIFEST_NAME, manifest.encode())
    return manifest


def _begin_snapshot() -> str:
    """Return the name of the snapshot that this transaction sees, for pg_dump to see the same."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        return str(cursor.fetchone()[0])


def _write_dump(tool: Path, snapshot: str, target: IO[bytes]) -> tuple[int, str]:
    """Write the dump; return its size in bytes and its SHA-256."""
    size, digest = 0, hashlib.sha256()
    for chunk in tools.read_output(tool, "--format=custom", f"--snapshot={snapshot}"):
        target.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


@contextmanager
def _create_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that only its owner can read (mode 0600) and that gets its name once it is complete."""
    try:
        if path.exists():  # known before the dump
            raise FileExistsError
        with NamedTemporaryFile(dir=path.parent, prefix=_DRAFT_PREFIX, suffix=_DRAFT_SUFFIX) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)  # unlike rename, this never replaces a file
    except FileExistsError:
        raise BackupError(f"{path} exists already: choose another name.") from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
