"""An unresponsive database or Microsoft: once that is known, no page waits for it, however it hangs."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from django.db import OperationalError, connection

from core import db_availability
from core.embedded_postgres import server
from core.processes import build_granian_arguments
from tests.helpers.demo_process import ROOT, free_port, send_signal
from tests.helpers.servers import own_environment

SILENT_SECONDS = 10


@contextmanager
def watched(ping: Callable[[], None]) -> Iterator[None]:
    end = db_availability.start_watch(ping)
    try:
        yield
    finally:
        end()


def terminate_sleeping_backends() -> None:
    """Terminate backends of connections that have given up."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'"
        )


def fail() -> None:
    raise OperationalError


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_statement_keeps_to_the_time_limit() -> None:
    started = time.monotonic()
    with (
        db_availability.limit_database_wait(0.3),
        pytest.raises(OperationalError, match="in time"),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_sleep(5)")
    assert time.monotonic() - started < 1
    terminate_sleeping_backends()
    with connection.cursor() as cursor:  # another connection: the old one may still get its response
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_without_a_limit_it_may_take_its_time() -> None:
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_sleep(0.5)")
        assert cursor.fetchone() == (1,)
    assert time.monotonic() - started >= 0.5


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_page_that_waits_gives_up_when_the_database_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_availability, "DOWN_AFTER_SECONDS", 0.4)
    started = time.monotonic()
    with watched(fail), pytest.raises(OperationalError, match="in time"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    assert 0.3 < time.monotonic() - started < 1.5
    terminate_sleeping_backends()


@pytest.mark.django_db(transaction=True)
def test_a_page_begins_nothing_with_a_database_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_availability, "DOWN_AFTER_SECONDS", 0.1)
    connection.close()
    with watched(fail):
        time.sleep(0.2)
        started = time.monotonic()
        with pytest.raises(OperationalError) as caught:
            connection.ensure_connection()
        assert time.monotonic() - started < 0.05
        assert isinstance(caught.value.__cause__, db_availability.NotConnected)


class Site:
    """A web server with one process of four threads, and a database that the test stops."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port, self.data, self.log = free_port(), folder / "data", folder / "log"
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = own_environment(self.data) | {"LOKET_URL": f"http://localhost:{self.port}"} | settings
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self.environment, check=True)
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *build_granian_arguments(self.port)],
                cwd=ROOT, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while self.ask("/inloggen/")[0] != 200:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def ask(self, path: str) -> tuple[int, float]:
        """Return the status, 0 if there is none, and the seconds."""
        started = time.monotonic()
        try:
            status = requests.get(f"{self.url}{path}", cookies={"sessionid": "x" * 32}, timeout=30).status_code
        except requests.ConnectionError:
            status = 0
        return status, time.monotonic() - started

    def postgresql(self) -> list[int]:
        """Return the processes of the database, its parent first."""
        parent = int((self.data / "postgresql" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def hang(self) -> None:
        send_signal(self.postgresql(), signal.SIGSTOP)

    def go_on(self) -> None:
        send_signal(self.postgresql(), signal.SIGCONT)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)
        server.stop_server(self.data / "postgresql")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running site."""
    found = Site(tmp_path_factory.mktemp("site"))
    try:
        yield found
    finally:
        found.stop()


@pytest.mark.slow
def test_nothing_waits_for_a_database_that_hangs(site: Site) -> None:
    with ThreadPoolExecutor(20) as pages:
        site.hang()
        try:
            stuck = [pages.submit(site.ask, "/") for _page in range(12)]
            time.sleep(0.2)
            alive = [site.ask("/healthz") for _time in range(10)]
            unready = site.ask("/readyz")  # no thread that serves pages is free yet
            first = [page.result() for page in stuck]
            later = [site.ask(path) for path in ("/", "/gebruikers/", "/historie/") for _time in range(5)]
            ready = [site.ask("/readyz") for _time in range(5)]
        finally:
            site.go_on()
        gone = time.monotonic()
        while site.ask("/")[0] == 503:
            assert time.monotonic() - gone < 10
            time.sleep(0.05)
        recovered = time.monotonic() - gone
    worst = {name: max(seconds for _status, seconds in found) for name, found in
             {"alive": alive, "first": first, "later": later, "ready": [unready, *ready]}.items()}  # fmt: skip
    print("seconds", worst, "recovered", recovered)  # noqa: T201
    assert {status for status, _seconds in alive} == {200}
    assert {status for status, _seconds in [*first, *later, unready, *ready]} == {503}
    assert worst["alive"] < 0.05
    assert worst["first"] < 3
    assert worst["later"] < 1
    assert worst["ready"] < 1
    assert recovered < 5


@pytest.mark.slow
def test_a_connection_that_sends_nothing_is_closed(site: Site) -> None:
    def seconds(sent: bytes) -> float:
        with socket.create_connection(("127.0.0.1", site.port)) as silent:
            silent.sendall(sent)
            silent.settimeout(SILENT_SECONDS + 5)
            started = time.monotonic()
            while silent.recv(4096):
                pass
            return time.monotonic() - started

    with ThreadPoolExecutor() as clients:
        found = list(clients.map(seconds, [b"", b"GET / HTTP/1.1\r\nHo", b"PRI * HT"]))
    assert max(found) < SILENT_SECONDS + 2


@pytest.mark.slow
def test_pages_do_not_wait_for_a_microsoft_that_hangs(tmp_path: Path) -> None:
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0)))  # connects and sends nothing
        authority = f"https://127.0.0.1:{deaf.getsockname()[1]}/organizations"
        entra = {"CLIENT_ID": "a", "CLIENT_SECRET": "b", "AUTHORITY": authority}
        site = Site(tmp_path, **{f"LOKET_ENTRA_{name}": value for name, value in entra.items()})
        stack.callback(site.stop)
        clients = stack.enter_context(ThreadPoolExecutor(20))
        going = [clients.submit(site.ask, "/inloggen/microsoft/?next=/") for _client in range(8)]
        time.sleep(0.2)
        pages = [site.ask("/inloggen/") for _time in range(20)]
        went = [one.result() for one in going]
    print("pages", max(pages)[1], "sign-ins", sorted(seconds for _status, seconds in went))  # noqa: T201
    assert {status for status, _seconds in [*pages]} == {200}
    assert {status for status, _seconds in went} == {502}, "each is told that Microsoft does not answer"
    assert max(seconds for _status, seconds in pages) < 4
    assert max(seconds for _status, seconds in went) < 15
