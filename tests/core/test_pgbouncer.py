"""Web servers behind a real PgBouncer that lends a connection for one transaction; everything else refuses it."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from core.embedded_postgres import server
from core.processes import build_granian_arguments
from tests.cluster.load import Results, SimulatedUser, invite
from tests.core.test_replica import SET_UP
from tests.helpers.demo_process import ROOT, free_port
from tests.loket.test_restore import Installation
from tests.monitoring.test_key_rotation import new_key
from tests.monitoring.test_metrics import wait_until_alive

POOL_SIZE, SECONDS = 3, 8
PAGES = ("/gebruikers/", "/gebruikers/export.csv", "/historie/", "/historie/export.jsonl", "/teams/export.xlsx")
CONFIGURATION = """\
[databases]
loket = host={socket} port={server_port} user=loket_app
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
"""


@pytest.fixture
def installation() -> Iterator[Installation]:
    """An installation with an office, whose folder PgBouncer can enter: as root it becomes nobody, like PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="loket-pgbouncer-"))
    folder.chmod(0o755)
    keys = {"LOKET_SECRET_KEY": "s" * 50, "LOKET_SEALING_KEYS": new_key(), "LOKET_CHECKPOINT_KEY": new_key()}
    found = Installation(folder, keys)
    try:
        server.start_server(found.data)
        found.python("migrate", "-v0")
        found.python("shell", "-v0", "-c", SET_UP)
        yield found
    finally:
        server.stop_server(found.data)
        shutil.rmtree(folder)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that end with the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in reversed(started):
        process.terminate()
        process.wait(15)


def use_site(url: str, results: Results, until: float) -> None:
    """Invite, and read lists and exports, until this moment."""
    user = SimulatedUser(url, results, "alice")
    user.sign_in()
    while time.monotonic() < until:
        invite(user)
        for page in PAGES:
            user.get(page)


@pytest.mark.slow
@pytest.mark.pgbouncer
def test_web_servers_share_few_connections(
    installation: Installation, processes: list[subprocess.Popen[bytes]]
) -> None:
    port, web = free_port(), free_port()
    file, url = installation.folder / "pgbouncer.ini", f"http://127.0.0.1:{web}"
    where = {"socket": installation.socket, "server_port": server.SERVER_PORT, "port": port, "size": POOL_SIZE}
    file.write_text(CONFIGURATION.format(**where))
    prefix = server._build_unprivileged_prefix()
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") or ""
    processes.append(subprocess.Popen([*prefix, program, "-q", str(file)]))
    environment = installation.environment | {
        "DATABASE_URL": f"postgres://loket_app:x@127.0.0.1:{port}/loket", "LOKET_TRANSACTION_POOLING": "1",
        "LOKET_URL": f"http://localhost:{web}", "LOKET_SMS_PER_HOUR": "100000",
    }  # fmt: skip
    del environment["LOKET_OWNER_DATABASE_URL"]
    arguments = build_granian_arguments(web, workers=2)
    processes.append(subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment))
    wait_until_alive(url)

    results, until = Results(), time.monotonic() + SECONDS
    threads = [Thread(target=use_site, args=[url, results, until]) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(host=installation.socket, user="postgres", dbname="loket") as database:
        query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'loket_app'"
        connections = database.execute(query).fetchone()
    assert results.unexpected == []
    assert results.answers["200"] > 30
    assert len(results.invited) > 5
    assert connections == (POOL_SIZE,)


@pytest.mark.django_db
@pytest.mark.parametrize("command", [["worker", "--once"], ["migrate"], ["backup", "loket.backup"]])
def test_what_keeps_its_connection_refuses_a_pooler(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    with pytest.raises(CommandError, match="LOKET_TRANSACTION_POOLING is for web servers only"):
        call_command(*command)
