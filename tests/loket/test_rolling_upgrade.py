"""Old and new release side by side on one database, as during an upgrade: migrations under load, then both at once.

The old release is real: its code comes from the repository's history. It is the newest release before the current
commit, a tag such as v1.2. WHILE NO RELEASE IS TAGGED, it is the commit that last changed or removed a migration:
databases from before it cannot be upgraded and were never deployed. Until something changes after that commit, this
compares the code with itself.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from core.embedded_postgres import server
from tests.cluster.failover import SET_UP, VERIFY
from tests.cluster.load import Load, Results, SimulatedUser, invite
from tests.helpers.demo_process import ROOT, free_port
from tests.helpers.servers import MailServer, own_environment, running_mail_server
from tests.monitoring.test_metrics import wait_until_alive

pytestmark = pytest.mark.slow
RELEASES = "v[0-9]*"  # tags
WORK = 5  # seconds
SECOND_TEAM = """
from accounts.models import Provider
from permissions.models import Team
print(Team.objects.create(provider=Provider.objects.get(), name="Fiscaal").pk)
"""

EVENTS = """
import audit.chain
from accounts.models import User
from tests.helpers.invited_users import invite
invite(User.objects.get(username="alice"))
audit.chain.append_all_pending()
"""


class Release:
    """The code of a release in a folder, and its processes."""

    def __init__(self, code: Path, environment: dict[str, str], log: Path) -> None:
        self.code, self.environment, self.log = code, environment, log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: list[subprocess.Popen[bytes]] = []

    def manage(self, *arguments: str) -> str:
        """Return the output of its `manage.py`."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.code, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.code, env=self.environment, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.running.append(process)
        return process

    def serve(self) -> None:
        """Start its web server."""
        granian = f"-m granian --interface wsgi --host 127.0.0.1 --port {self.port} --blocking-threads 4"
        self._start(*granian.split(), "loket.wsgi:application")
        wait_until_alive(self.url)

    def work(self) -> subprocess.Popen[bytes]:
        """Start its worker."""
        return self._start("manage.py", "worker")

    def stop(self) -> None:
        """End all of its processes."""
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def git(*arguments: str, code: Path = ROOT) -> bytes:
    """Return git's output, empty if it fails."""
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=code, capture_output=True, check=False).stdout


def release_before(code: Path = ROOT) -> str:
    """Return the release whose code must run on the current tables (see above); "" without a history."""
    tag = git("describe", "--tags", "--abbrev=0", f"--match={RELEASES}", "HEAD^", code=code)
    begin = ("log", "-1", "--first-parent", "--diff-filter=MDRT", "--format=%H", "--", "*/migrations/0*.py")
    return (tag or git(*begin, code=code)).decode().strip()


def code_before(folder: Path) -> Path:
    """Return a folder with the previous release's code; without a history, skip the test unless required."""
    found = release_before()
    if not found:
        text = "the history has no release before, nor the beginning of the migrations: git fetch --unshallow --tags"
        (pytest.fail if os.environ.get("LOKET_HISTORY_REQUIRED") == "1" else pytest.skip)(text)
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=git("archive", found), check=True)
    return folder


ReleasesAndMail = tuple[Release, Release, MailServer]


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[ReleasesAndMail]:
    """The old and the new release on one database that the old one created."""
    data = tmp_path / "data"
    started: list[Release] = []
    try:
        for mail in running_mail_server():
            environment = own_environment(data) | {
                "LOKET_SMS_PER_HOUR": "100000", "EMAIL_URL": f"smtp://127.0.0.1:{mail.port}",
                "LOKET_URL": "http://localhost:8000",
            }  # fmt: skip
            for code, name in ((code_before(tmp_path / "old"), "old.log"), (ROOT, "new.log")):
                started.append(Release(code, environment, tmp_path / name))
            yield started[0], started[1], mail
    finally:
        for release in started:
            release.stop()
        server.stop_server(data / "postgresql")


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def waiting(release: Release) -> int:
    """Return the number of messages that have not been sent."""
    socket = server.get_socket_dir(Path(release.environment["LOKET_DATA_DIR"]) / "postgresql")
    with psycopg.connect(host=socket, user="postgres", dbname="loket") as connection:
        query = "SELECT count(*) FROM outbox_message WHERE state IN ('queued', 'deferred')"
        return int(connection.execute(query).fetchone()[0])


def at(release: Release, results: Results, person: SimulatedUser) -> SimulatedUser:
    """Return the same user, in the same session, at another release."""
    found = SimulatedUser(release.url, results, person.username)
    found.session.cookies = person.session.cookies
    return found


def test_both_releases_do_the_same_work(releases: ReleasesAndMail) -> None:
    old, new, mail = releases
    old.manage("migrate", "-v0")
    team = old.manage("shell", "-v0", "-c", SET_UP).strip()
    old.serve()
    old_worker = old.work()

    first = Load(old.url, team)
    time.sleep(1)
    new.manage("migrate", "-v0")
    new.serve()
    new_worker = new.work()
    second = Load(new.url, new.manage("shell", "-v0", "-c", SECOND_TEAM).strip())
    time.sleep(WORK)
    results = [first.stop(), second.stop()]
    for one in results:
        assert one.unexpected == []
        assert set(one.answers) <= {"200", "302"}
        assert len(one.acknowledged) > 10
    eventually(lambda: waiting(new) == 0, "messages are left")
    assert {address for one in results for address in one.invited} <= set(mail.recipients)

    here = Results()
    alice = SimulatedUser(old.url, here, "alice")
    alice.sign_in()
    there = at(new, here, alice)
    assert "alice" in there.get("/profiel/"), "one session opens both"
    for end, invited_at, begin in ((old_worker, alice, None), (new_worker, there, old.work)):
        os.killpg(end.pid, signal.SIGKILL)
        end.wait()
        if begin is not None:
            begin()
        before = len(mail.recipients)
        invite(invited_at)
        eventually(lambda before=before: here.invited[-1] in mail.recipients[before:], "the other worker does not send")
    assert here.unexpected == []
    assert new.manage("shell", "-v0", "-c", VERIFY).strip().startswith("intact")
    for release in (old, new):
        assert '"level": "error"' not in release.log.read_text()


def test_a_backup_of_the_old_release_is_restored_by_the_new(releases: ReleasesAndMail, tmp_path: Path) -> None:
    """The other way to upgrade: the new release makes the backup, as the guide says, and restores it elsewhere."""
    old, new, _mail = releases
    old.manage("migrate", "-v0")
    old.manage("shell", "-v0", "-c", SET_UP + EVENTS)
    new.manage("backup", str(tmp_path / "loket.backup"))
    before, elsewhere = Path(new.environment["LOKET_DATA_DIR"]), tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    for keys in ("keys.json", "checkpoint-key"):
        shutil.copy(before / keys, elsewhere)
    restored = Release(ROOT, new.environment | {"LOKET_DATA_DIR": str(elsewhere)}, tmp_path / "elsewhere.log")
    try:
        said = restored.manage("restore", str(tmp_path / "loket.backup"))
        assert re.search(r"The history is intact: [1-9]\d* events in [1-9]\d* chains", said)
        restored.manage("migrate", "--check")
        assert restored.manage("shell", "-v0", "-c", VERIFY).strip().startswith("intact")
    finally:
        server.stop_server(elsewhere / "postgresql")


def test_the_release_before(tmp_path: Path) -> None:
    """A commit that adds migrations does not count: the one that recreated them does, then the newest tag."""
    path, found = tmp_path / "app" / "migrations" / "0001_initial.py", [release_before(tmp_path)]

    def commit(text: str, name: str = path.name) -> str:
        path.with_name(name).write_text(text)
        for command in (["add", "."], ["-c", "user.name=x", "-c", "user.email=x@x.example", "commit", "-qm", text]):
            git(*command, code=tmp_path)
        found.append(release_before(tmp_path))
        return git("rev-parse", "HEAD", code=tmp_path).decode().strip()

    path.parent.mkdir(parents=True)
    git("init", "-q", code=tmp_path)
    commit("first")
    anew = commit("second")
    commit("more", "0002_more.py")
    git("tag", "v1.0", code=tmp_path)
    git("tag", "nightly", code=tmp_path)
    commit("even more", "0003_even_more.py")
    assert found == ["", "", anew, anew, "v1.0"]
