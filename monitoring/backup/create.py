"""Make a backup: pg_dump and the manifest read one snapshot of the database, while the product runs."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO
from zipfile import ZIP_STORED, ZipFile

from django.db import connection, transaction
from django.utils import timezone

from core import __version__, db_roles
from monitoring.backup import BackupError, manifest, tools
from monitoring.backup.manifest import Manifest

DUMP_NAME, MANIFEST_NAME = "database.dump", "manifest.json"


def get_draft_path(path: Path) -> Path:
    """Return the name that a backup has until it is complete."""
    return path.with_name(f"{path.name}.partial")


def create_backup(path: Path) -> Manifest:
    """Write a backup to `path`, which must not exist, and return its manifest. Raises BackupError."""
    with db_roles.use_owner_role(), _create_file(path) as file, transaction.atomic():
        snapshot = _begin_snapshot()
        state, keys, major = manifest.read_state(), manifest.list_needed_keys(), tools.get_server_major()
        tool = tools.find_tool("pg_dump", major)
        with ZipFile(file, "w", ZIP_STORED) as archive:
            with archive.open(DUMP_NAME, "w", force_zip64=True) as entry:
                size, digest = _write_dump(tool, snapshot, entry)
            made = Manifest(
                version=__version__,
                created_at=timezone.now().isoformat(timespec="seconds"),
                server_major=major,
                tool_major=tools.read_major(tool),
                key_fingerprints=keys,
                dump_bytes=size,
                dump_sha256=digest,
                state=state,
            )
            archive.writestr(MANIFEST_NAME, made.encode())
    return made


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
def _create_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that only its owner can read (mode 0600) and that gets its name once it is complete."""
    draft = get_draft_path(path)
    with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is writing {draft}: wait for it, or choose another name.") from None
        try:
            if path.exists():
                raise BackupError(f"{path} exists already: choose another name.")
            os.fchmod(file.fileno(), 0o600)
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
