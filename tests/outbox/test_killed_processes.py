"""No acknowledged invitation is lost: 500 are sent over HTTP while web server and worker are killed at random.

Everything is real: the embedded database in its own folder, granian, `manage.py worker`, a mail server.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import requests
from django.conf import settings as django_settings

from core.embedded_postgres import server
from core.processes import build_granian_arguments
from outbox.worker import MAIL_SENDERS
from tests.helpers.servers import own_environment, running_mail_server
from tests.helpers.users import PASSWORD

INVITATIONS, CLIENTS, KILLS = 500, 4, 16
SECONDS = 110  # for everything; the test stops by itself
NUMBER = "0612345678"
SET_UP = f"""
from accounts.models import Provider
from django.utils import timezone
from permissions.checks import Right
from tests.helpers.users import make_user
office = Provider.objects.create(name="Kantoor", established_at=timezone.now())
make_user(office, Right.MANAGE_PROVIDER, username="alice", email="alice@kantoor.example", last_name="Baas")
assert "{PASSWORD}"
"""


class Process:
    """A process of the product with all its children, killed and restarted."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.arguments, self.environment, self.log = arguments, environment, log
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=django_settings.BASE_DIR,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def installation(folder: Path, port: int, mail_port: int) -> Iterator[dict[str, str]]:
    """Yield the environment of an installation in `folder` with one administrator; stop its database at the end."""
    environment = own_environment(folder) | {
        "LOKET_URL": f"http://localhost:{port}",
        "LOKET_SMS_PER_HOUR": "100000",
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
    }
    try:
        for command in (["migrate", "-v0"], ["shell", "-v0", "-c", SET_UP]):
            subprocess.run(
                [sys.executable, "manage.py", *command], cwd=django_settings.BASE_DIR, env=environment, check=True
            )
        yield environment
    finally:
        server.stop_server(folder / "postgresql")


class Browser:
    """The administrator's browser, which retries when the web server does not answer."""

    def __init__(self, url: str, deadline: float) -> None:
        self.url, self.deadline, self.session = url, deadline, requests.Session()
        self.session.trust_env = False
        self.sign_in()

    def sign_in(self) -> None:
        self.ask(lambda: self.session.get(f"{self.url}/inloggen/", timeout=10))
        self.post("/inloggen/", {"username": "alice", "password": PASSWORD})
        assert "sessionid" in self.session.cookies

    def ask(self, request: Callable[[], requests.Response]) -> requests.Response:
        while time.monotonic() < self.deadline:
            try:
                response = request()
            except requests.RequestException:
                time.sleep(0.05)
                continue
            assert response.status_code < 500
            return response
        raise TimeoutError("the web server does not answer")

    def post(self, path: str, data: dict[str, str]) -> str:
        """Return the redirect target."""
        data["csrfmiddlewaretoken"] = str(self.session.cookies["csrftoken"])
        post = self.session.post
        response = self.ask(lambda: post(f"{self.url}{path}", data, allow_redirects=False, timeout=10))
        assert response.status_code == 302, path
        return response.headers["Location"]

    def invite(self, number: int) -> None:
        """Send an invitation; return when it was acknowledged."""
        person = {"initials": "P.", "last_name": f"Boer{number}", "email": f"p{number}@kantoor.example"}
        text = {"subject": "Uitnodiging", "body": "Open {UitnodigingLink} voor {GeldigTot}."}
        while True:
            path = self.post("/gebruikers/nieuw/website/", person | text)
            concept = re.search(r"concept=([0-9a-f-]+)", path)
            assert concept is not None
            answer = self.post(path, {"mobile_number": NUMBER, "concept": concept[1]})
            if answer.startswith("/gebruikers/") and "nieuw" not in answer:
                return


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def invite_all(url: str, deadline: float, pool: ThreadPoolExecutor) -> list[Future[None]]:
    numbers = iter(range(INVITATIONS))

    def work() -> None:
        browser = Browser(url, deadline)
        for number in numbers:
            browser.invite(number)

    return [pool.submit(work) for _client in range(CLIENTS)]


def kill_at_random(processes: dict[str, Process], inviting: list[Future[None]], deadline: float) -> Counter[str]:
    """Kill and restart until there were KILLS; return how often each was killed."""
    chance = random.Random(20)  # noqa: S311
    kills: Counter[str] = Counter()
    while kills.total() < KILLS and time.monotonic() < deadline:
        time.sleep(chance.uniform(0.2, 3.0))
        name = chance.choice(["web", "worker", "worker"])
        processes[name].kill()
        kills[name] += 1
        processes[name].start()
    for future in inviting:
        future.result(timeout=max(0.0, deadline - time.monotonic()))
    return kills


@pytest.mark.slow
def test_no_invitation_is_lost_when_processes_are_killed(tmp_path: Path) -> None:
    deadline, port = time.monotonic() + SECONDS, free_port()
    log, data = tmp_path / "log", tmp_path / "data"
    for mail_server in running_mail_server():
        mail_server.behaviour, mail_server.seconds = "slow", 0.05
        with installation(data, port, mail_server.port) as environment, ThreadPoolExecutor(CLIENTS) as pool:
            processes = {
                "web": Process(build_granian_arguments(port), environment, log),
                "worker": Process(["manage.py", "worker"], environment, log),
            }
            try:
                inviting = invite_all(f"http://127.0.0.1:{port}", deadline, pool)
                kills = kill_at_random(processes, inviting, deadline)
                rows = wait_until_sent(data / "postgresql", deadline)
            finally:
                for process in processes.values():
                    process.kill()
    invited = {f"p{number}@kantoor.example" for number in range(INVITATIONS)}
    assert Counter(rows) == Counter((address, "sent") for address in invited)
    assert set(mail_server.recipients) == invited, "every one has its mail"
    names = Counter(mail["Message-ID"] for mail in mail_server.mails)
    doubles = names.total() - INVITATIONS
    print(f"kills {dict(kills)}, doubles {doubles}")  # noqa: T201
    assert len(names) == INVITATIONS, "a double is recognised by its name"
    assert kills["web"] >= 3
    assert kills["worker"] >= 5
    assert doubles <= kills["worker"] * MAIL_SENDERS
    logged = log.read_text()
    assert "612345678" not in logged
    assert "@kantoor.example" not in logged


def wait_until_sent(folder: Path, deadline: float) -> list[tuple[str, str]]:
    """Wait until the queue is empty; return address and state of every invitation's e-mail."""
    with psycopg.connect(
        host=server.get_socket_dir(folder), port=server.SERVER_PORT, user="loket", dbname="loket", autocommit=True
    ) as asking:
        while asking.execute("SELECT 1 FROM outbox_message WHERE state IN ('queued', 'deferred')").fetchone():
            assert time.monotonic() < deadline, "it takes too long"
            time.sleep(0.1)
        query = "SELECT u.email, m.state FROM accounts_user u JOIN outbox_message m ON m.user_id = u.id"
        return asking.execute(query).fetchall()
