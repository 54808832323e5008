"""Pages from a replica: a real one that streams, lags, crashes and is promoted under load."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import User
from core.embedded_postgres import server
from core.processes import build_granian_arguments
from tests.cluster.load import Results, SimulatedUser, invite
from tests.helpers.demo_process import ROOT, free_port, send_signal
from tests.loket.test_restore import Installation
from tests.monitoring.test_key_rotation import new_key
from tests.monitoring.test_metrics import TOKEN, scrape, wait_until_alive

SECONDS = 15  # at most, until a skipped replica is used again
LISTS = (
    "/gebruikers/",
    "/teams/",
    "/werkgevers/",
    "/autorisatiematrix/",
    "/afwijkingen/",
    "/rechten/wie/",
    "/historie/",
    "/historie/op/",
)
SET_UP = """
from accounts.models import Provider
from django.utils import timezone
from permissions.models import Team
from permissions.checks import Right
from tests.helpers.users import make_user
office = Provider.objects.create(name="Kantoor", established_at=timezone.now())
make_user(office, Right.MANAGE_PROVIDER, username="alice", email="alice@kantoor.example", last_name="Baas")
make_user(office, Right.VIEW_USERS, username="bob", email="bob@kantoor.example", last_name="Bakker")
make_user(office, Right.VIEW_USERS, username="carl", email="carl@kantoor.example", last_name="Carels")
"""
BLOCK = """
import users.actions
from accounts.models import User
from tests.helpers.users import actor
users.actions.block_user(User.objects.get(username="bob"), by=actor(User.objects.get(username="alice")))
"""
WITHDRAW = """
from permissions.models import IndividualRight
IndividualRight.objects.filter(user__username="carl").delete()
"""


class Replica:
    """A standby of an embedded server, in a folder beside it."""

    def __init__(self, primary: Path) -> None:
        self.data = primary.with_name("replica")
        self.socket, self.log = server.get_socket_dir(self.data), primary.with_name("replica.log")
        where = ["-h", server.get_socket_dir(primary), "-p", str(server.SERVER_PORT), "-U", "postgres"]
        self._run("pg_basebackup", *where, "-D", str(self.data), "--write-recovery-conf", "--checkpoint=fast")
        (self.data / f".s.PGSQL.{server.SERVER_PORT}.lock").unlink(missing_ok=True)  # the primary's, which was copied
        server._create_socket_dir(self.data)
        self.start()

    def start(self) -> None:
        """Start the standby, also after it was killed."""
        server._remove_stale_lock_files(self.data)
        where = f"-c listen_addresses= -c unix_socket_directories={shlex.quote(self.socket)} -c max_connections=60"
        self._run("pg_ctl", "-D", str(self.data), "-w", "-o", where, "-l", str(self.log), "start")

    def _run(self, *command: str) -> None:
        assert server._run_tool(*command, data=self.data, log=self.log).returncode == 0, self.log.read_text()

    def ask(self, query: str) -> Any:
        """Return the first value of a query as superuser."""
        with psycopg.connect(host=self.socket, user="postgres", dbname="loket", autocommit=True) as connection:
            return connection.execute(query).fetchone()[0]

    def kill(self) -> None:
        """Kill the standby without notice."""
        os.kill(int((self.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)


class Site:
    """A web server with a primary and its replica."""

    def __init__(self, folder: Path) -> None:
        keys = {"LOKET_SECRET_KEY": "s" * 50, "LOKET_SEALING_KEYS": new_key(), "LOKET_CHECKPOINT_KEY": new_key()}
        self.installation = Installation(folder, keys)
        server.start_server(self.installation.data)
        self.manage("migrate", "-v0")
        self.manage("shell", "-v0", "-c", SET_UP)
        self.replica = Replica(self.installation.data)
        port, self.log = free_port(), folder / "log"
        self.url = f"http://127.0.0.1:{port}"
        self.installation.environment |= {
            "LOKET_REPLICA_DATABASE_URL": f"postgres://loket_app@{quote(self.replica.socket, safe='')}/loket",
            "LOKET_URL": f"http://localhost:{port}", "LOKET_METRICS_TOKEN": TOKEN, "LOKET_SMS_PER_HOUR": "100000",
        }  # fmt: skip
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *build_granian_arguments(port)],
                cwd=ROOT, env=self.installation.environment, stdout=output, stderr=output,
            )  # fmt: skip
        wait_until_alive(self.url)
        self.results = Results()

    def manage(self, *arguments: str) -> str:
        """Return the output of `manage.py`."""
        return self.installation.python(*arguments)

    def person(self, username: str) -> SimulatedUser:
        """Return a user who has signed in."""
        found = SimulatedUser(self.url, self.results, username)
        found.sign_in()
        return found

    def given(self, read_from: str) -> int:
        """Return the number of pages served from this database."""
        return scrape(self.url)[f'loket_replica_pages_total{{read_from="{read_from}"}}']

    def comes_from(self, person: SimulatedUser, read_from: str, page: str = "/gebruikers/") -> bool:
        """Return whether the page is served from this database."""
        before = self.given(read_from)
        person.get(page)
        return self.given(read_from) > before


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="loket-replica-"))
    found = None
    try:
        found = Site(folder)
        yield found
    finally:
        if found is not None:
            found.process.terminate()
            found.process.wait(15)
        server.stop_server(folder / "replica")
        server.stop_server(folder / "postgresql")
        shutil.rmtree(folder)


@pytest.fixture
def alice_there(site: Site) -> SimulatedUser:
    """The administrator, while the replica is in use."""
    person = site.person("alice")
    eventually(lambda: site.comes_from(person, "replica"))
    return person


@pytest.mark.slow
def test_every_page_that_may_comes_from_the_replica(site: Site, alice_there: SimulatedUser) -> None:
    me = alice_there.get("/gebruikers/").partition('href="/gebruikers/0')[2].partition("/")[0]
    pages = [*LISTS, f"/gebruikers/0{me}/historie/", f"/gebruikers/0{me}/rechten/waarom/?right=view_users"]
    for page in pages:
        eventually(lambda: site.comes_from(alice_there, "replica", page))  # noqa: B023  # a busy one may be behind
    assert site.results.unexpected == []


@pytest.mark.slow
def test_a_list_has_what_was_saved_just_before(site: Site, alice_there: SimulatedUser) -> None:
    before = site.given("replica")
    for _number in range(15):
        invite(alice_there)
        assert site.results.invited[-1] in alice_there.get("/gebruikers/?sort=-email")
    assert site.given("replica") - before >= 10, "and mostly by the replica"


@pytest.mark.slow
def test_a_replica_that_lags_gives_nothing(site: Site, alice_there: SimulatedUser) -> None:
    site.replica.ask("SELECT pg_wal_replay_pause()::text")
    try:
        invite(alice_there)
        before = site.given("primary")
        assert site.results.invited[-1] in alice_there.get("/gebruikers/?sort=-email")
        assert site.given("primary") == before + 1
        assert '"why": "behind"' in site.log.read_text()
    finally:
        site.replica.ask("SELECT pg_wal_replay_resume()::text")
    eventually(lambda: site.comes_from(alice_there, "replica"))
    assert site.results.invited[-1] in alice_there.get("/gebruikers/?sort=-email")


@pytest.mark.slow
def test_who_was_blocked_or_lost_the_right_is_out_at_once(site: Site, alice_there: SimulatedUser) -> None:
    bob, carl = site.person("bob"), site.person("carl")
    assert site.comes_from(bob, "replica")
    site.manage("shell", "-v0", "-c", BLOCK)
    site.manage("shell", "-v0", "-c", WITHDRAW)
    before = site.given("replica"), site.given("primary")
    for person, status in ((bob, 302), (carl, 403)):
        answer = person.session.get(f"{site.url}/gebruikers/", allow_redirects=False, timeout=10)
        assert (answer.status_code, "<table" in answer.text) == (status, False)
    assert (site.given("replica"), site.given("primary")) == before


@pytest.mark.slow
def test_requests_succeed_while_the_replica_is_down_and_back(site: Site, alice_there: SimulatedUser) -> None:
    stop, people, before = Event(), [site.person("alice") for _number in range(3)], site.results.answers["200"]
    longest = [0.0]

    def look(person: SimulatedUser) -> None:
        while not stop.is_set():
            started = time.monotonic()
            person.get("/historie/")
            longest[0] = max(longest[0], time.monotonic() - started)

    threads = [Thread(target=look, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    time.sleep(1)
    site.replica.kill()
    killed = time.monotonic()
    try:
        eventually(lambda: time.monotonic() - killed > 3 and site.results.answers["200"] - before > 20)
        stop.set()
        for thread in threads:
            thread.join()
        assert site.results.unexpected == []
        assert longest[0] < 5
        assert '"why": "away"' in site.log.read_text()
        assert site.comes_from(alice_there, "primary")
    finally:
        stop.set()
        site.replica.start()
    eventually(lambda: site.comes_from(alice_there, "replica"))


@pytest.mark.slow
def test_a_replica_that_hangs_is_left_alone(site: Site, alice_there: SimulatedUser) -> None:
    eventually(lambda: site.comes_from(alice_there, "replica"))
    parent = int((site.replica.data / "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    processes = [parent, *map(int, children)]
    send_signal(processes, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert site.comes_from(alice_there, "primary")
        assert time.monotonic() - started < 3
    finally:
        send_signal(processes, signal.SIGCONT)
    eventually(lambda: site.comes_from(alice_there, "replica"))


@pytest.mark.slow
def test_replica_is_read_only(site: Site) -> None:
    command = (
        "from django.db import connections; from accounts.models import Provider; from core import replica\n"
        "with connections['replica'].cursor() as cursor: print(cursor.execute('SHOW default_transaction_read_only')"
        ".fetchone())\n"
        "mark = replica._reads_replica.set(True); office = Provider.objects.get(); replica._reads_replica.reset(mark)\n"
        "print(office._state.db); office.save(); print(office._state.db)"
    )
    assert site.manage("shell", "-v0", "-c", command).split() == ["('on',)", "replica", "default"]


@pytest.mark.slow
def test_one_that_was_promoted_gives_nothing_any_more(site: Site, alice_there: SimulatedUser) -> None:
    assert site.replica.ask("SELECT pg_promote()")
    for _number in range(3):
        invite(alice_there)
        assert site.results.invited[-1] in alice_there.get("/gebruikers/?sort=-email")
        assert site.comes_from(alice_there, "primary")
        time.sleep(2.5)
    assert site.results.unexpected == []


def test_reads_in_a_transaction_stay_on_its_connection(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Impersonation by support: its transaction refuses every change."""
    monkeypatch.setitem(django_settings.DATABASES, "replica", {"ATOMIC_REQUESTS": False})
    client.force_login(alice)
    assert client.get("/gebruikers/").status_code == 200
