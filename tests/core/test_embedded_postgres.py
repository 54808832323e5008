"""The embedded PostgreSQL, in data folders of its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.embedded_postgres import server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: pytest's own may be too long for a socket."""
    path = Path(tempfile.mkdtemp(prefix="loket-test-"))
    yield path
    for pid_file in path.rglob("postmaster.pid"):
        server.stop_server(pid_file.parent)
    shutil.rmtree(path)


def connect(data: Path) -> psycopg.Connection:
    return psycopg.connect(host=server.get_socket_dir(data), port=server.SERVER_PORT, user="loket", dbname="loket")


def change(data: Path, sql: str) -> None:
    with connect(data) as connection:
        connection.execute(sql)


def query(data: Path, sql: str) -> object:
    with connect(data) as connection:
        return connection.execute(sql).fetchone()[0]


def manage(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        env={**os.environ, "LOKET_DATA_DIR": str(folder)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_socket_path_fits() -> None:
    assert server.get_socket_dir(Path("/srv/loket/postgresql")) == "/srv/loket/postgresql"
    for path in (Path("/srv/" + "long/" * 30), Path("/srv/" + "é" * 60), Path("/srv/a,b/postgresql")):
        assert len(server.get_socket_dir(path)) < 90
        assert "," not in server.get_socket_dir(path)
    assert server.get_socket_dir(Path("/a" * 99)) != server.get_socket_dir(Path("/b" * 99))


def test_stopping_without_a_server_does_nothing(folder: Path) -> None:
    assert not server.is_server_ready(folder / "postgresql")
    assert not server.stop_server(folder / "postgresql")


def test_missing_wheel_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    server.get_binary_dir.cache_clear()
    with pytest.raises(server.ServerStartError, match="DATABASE_URL"):
        server.get_binary_dir()
    server.get_binary_dir.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "with space, comma 'quote' é", "long" * 30])
def test_server_starts_stops_and_keeps_its_data(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    data = folder / name / "postgresql"
    server.start_server(data)
    change(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert query(data, "SELECT current_setting('is_superuser')") == "off"
    assert query(data, "SELECT current_setting('listen_addresses')") == ""
    assert Path(server.get_socket_dir(data)).stat().st_mode & 0o077 == 0
    assert server.stop_server(data)
    assert not server.is_server_ready(data)
    server.start_server(data)
    assert query(data, "SELECT answer FROM kept") == 42


@pytest.mark.slow
def test_server_restarts_after_kill_9(folder: Path) -> None:
    data = folder / "postgresql"
    server.ensure_running(data)
    change(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(int((data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    deadline = time.monotonic() + 20
    server.ensure_running(data)  # perhaps too early: a killed process takes a moment to exit
    while not server.is_server_ready(data) and time.monotonic() < deadline:
        time.sleep(0.01)
        server.ensure_running(data)
    assert query(data, "SELECT answer FROM kept") == 42


@pytest.mark.slow
def test_folder_is_created_again_after_an_interrupted_first_start(folder: Path) -> None:
    data = folder / "postgresql"
    (folder / "postgresql.new").mkdir()
    (folder / "postgresql.new" / "PG_VERSION").write_text("half made")
    server.start_server(data)
    assert query(data, "SELECT 1") == 1


@pytest.mark.slow
def test_folder_with_other_files_is_never_emptied(folder: Path) -> None:
    (folder / "postgresql").mkdir()
    (folder / "postgresql" / "letter.txt").write_text("dear")
    with pytest.raises((server.ServerStartError, OSError)):
        server.start_server(folder / "postgresql")
    assert (folder / "postgresql" / "letter.txt").read_text() == "dear"


@pytest.mark.slow
def test_several_processes_start_one_server(folder: Path) -> None:
    starters = [manage(folder, "database", "start") for _number in range(4)]
    for starter in starters:
        assert "is running" in starter.communicate(timeout=60)[0]
        assert starter.returncode == 0
    log = (folder / "postgresql" / "server.log").read_text()
    assert log.count("starting PostgreSQL") == 1


@pytest.mark.slow
def test_the_command_tells_how_it_is(folder: Path) -> None:
    assert "is not running" in manage(folder, "database", "status").communicate(timeout=60)[0]
    assert "is not running" not in manage(folder, "database", "start").communicate(timeout=60)[0]
    assert "is not running" not in manage(folder, "database", "status").communicate(timeout=60)[0]
    assert "is not running" in manage(folder, "database", "stop").communicate(timeout=60)[0]


@pytest.mark.slow
def test_its_log_quotes_no_statement_and_no_row(folder: Path) -> None:
    data = folder / "postgresql"
    server.start_server(data)
    change(data, "CREATE TABLE kept (secret text CHECK (length(secret) < 3))")
    with pytest.raises(psycopg.errors.CheckViolation):
        change(data, "INSERT INTO kept VALUES ('geheim')")
    log = (data / "server.log").read_text()
    assert "violates check constraint" in log
    assert "geheim" not in log
