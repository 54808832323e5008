"""PostgreSQL's own pg_dump and pg_restore: those of the embedded server, or what the operator installed."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from django.db import connection
from psycopg import pq
from psycopg.conninfo import make_conninfo

from core.embedded_postgres import server
from monitoring.backup import BackupError

CHUNK_BYTES = 1024 * 1024
_DEBIAN_FOLDERS = Path("/usr/lib/postgresql")  # of each major version, with a folder bin


def get_server_major() -> int:
    """Return the major version of the database server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        return int(cursor.fetchone()[0])


def find_tool(name: str, major: int) -> Path:
    """Return the oldest tool `name` that is not older than `major`. Raises BackupError.

    A newer one may write what an older server does not understand.
    """
    candidates = sorted(((read_major(path), path) for path in _list_candidates(name)), key=itemgetter(0))
    if usable := [path for version, path in candidates if version >= major]:
        return usable[0]
    present = f"version {candidates[-1][0]}" if candidates and candidates[-1][0] else "none"
    raise BackupError(
        f"{name} of PostgreSQL {major} or newer is needed, and there is {present}: install the package"
        f" postgresql-client-{major} (Debian, Ubuntu) or postgresql{major} (Red Hat, SUSE)."
    )


def _list_candidates(name: str) -> Iterator[Path]:
    yield from _DEBIAN_FOLDERS.glob(f"*/bin/{name}")  # before that of PATH, which there chooses one by itself
    if on_path := shutil.which(name):
        yield Path(on_path)
    with suppress(server.ServerStartError):  # it is not installed
        yield server.get_binary_dir() / name


def read_major(tool: Path) -> int:
    """Return the major version of a tool, 0 when it does not run."""
    try:
        done = subprocess.run([str(tool), "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = re.search(r"\) (\d+)", done.stdout)
    return int(version[1]) if version else 0


def read_output(tool: Path, *arguments: str) -> Iterator[bytes]:
    """Run a tool on the database and yield what it writes. Raises BackupError when it fails."""
    with TemporaryFile() as errors, _start(tool, arguments, errors, stdout=subprocess.PIPE) as process:
        assert process.stdout  # noqa: S101
        try:
            while chunk := process.stdout.read(CHUNK_BYTES):
                yield chunk
        except BaseException:  # also when the reader stops
            process.kill()
            raise
        _require_success(process, tool, errors)


def write_input(tool: Path, *arguments: str, source: IO[bytes]) -> None:
    """Run a tool on the database that reads `source`. Raises BackupError when it fails."""
    with TemporaryFile() as errors, _start(tool, arguments, errors, stdin=subprocess.PIPE) as process:
        assert process.stdin  # noqa: S101
        try:
            with suppress(BrokenPipeError):  # the tool says why it stopped
                shutil.copyfileobj(source, process.stdin, CHUNK_BYTES)
                process.stdin.close()
        except BaseException:
            process.kill()
            raise
        _require_success(process, tool, errors)


def _start(
    tool: Path,
    arguments: tuple[str, ...],
    errors: IO[bytes],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a tool that connects as this process does; only its environment has the password."""
    command = [str(tool), "--dbname", _build_conninfo(), "--no-password", *arguments]
    environment = os.environ | {"LC_ALL": "C"}
    if password := connection.settings_dict["PASSWORD"]:
        environment["PGPASSWORD"] = password
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=errors, env=environment)  # noqa: S603


def _build_conninfo() -> str:
    """Return where the database is and the options that libpq knows, such as sslmode, without secrets."""
    here = connection.settings_dict
    shown = {option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar != b"*"}
    parameters = {"host": here["HOST"], "port": here["PORT"], "user": here["USER"], "dbname": here["NAME"]}
    parameters |= {name: value for name, value in here["OPTIONS"].items() if name in shown}
    return make_conninfo("", **{name: value for name, value in parameters.items() if value != ""})


def _require_success(process: "subprocess.Popen[bytes]", tool: Path, errors: IO[bytes]) -> None:
    if process.wait() == 0:
        return
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines() or ["no message"]
    message = next((line for line in lines if "error:" in line.lower()), lines[-1])
    if "error: connection to server" not in message:
        message = re.split('DETAIL|"', message)[0]  # what follows may quote a row
    raise BackupError(f"{tool.name} failed: {message[:300].rstrip()}")
