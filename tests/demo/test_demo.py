"""`make demo` as a real process, and the example offices that it creates."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count
from django.test import Client
from django.utils import translation
from pytest_django import DjangoDbBlocker

from accounts.models import LoginMethod, Provider, User
from authentication.mfa.status import TwoFactorStatus, annotate_two_factor
from core.embedded_postgres import server
from demo.data import offices
from outbox.models import Message
from permissions import checks
from permissions.catalog import OFFICE_ADMIN_RIGHTS, Right
from permissions.models import Employer, Team
from teams.queries import filter_employers
from tests.helpers.demo_process import ROOT, Demo, demo, free_port
from tests.helpers.servers import own_environment
from users.status import AccountStatus, annotate_statuses

PASSWORD = "Gesi-Kite-Koga-4471"


@pytest.fixture(scope="module")
def example_administrator(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[User]:
    """The first administrator of the example offices, which are created once: each test rolls back its own changes."""
    with django_db_blocker.unblock(), translation.override("nl"), transaction.atomic():
        yield offices.ensure_example_offices(PASSWORD)
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_the_example_has_every_kind_and_status(example_administrator: User) -> None:
    administrator = example_administrator
    assert checks.effective_rights(administrator) == OFFICE_ADMIN_RIGHTS
    users = User.objects.visible_to(administrator)
    assert 28 <= users.count() <= 34
    assert set(users.values_list("login_method", flat=True)) == set(LoginMethod.values)
    statuses = dict(annotate_statuses(users).order_by().values_list("status").annotate(Count("pk")))
    # Invitations become open once the worker has sent them.
    assert set(statuses) == set(AccountStatus.values) - {AccountStatus.INVITED}
    assert set(annotate_two_factor(users).values_list("two_factor", flat=True)) == {*TwoFactorStatus.values, ""}
    assert users.filter(last_login__isnull=False).count() > 10
    assert not users.exclude(email__endswith="@devries.example").exists()


@pytest.mark.django_db
def test_the_example_has_teams_that_work(example_administrator: User) -> None:
    administrator = example_administrator
    found = Team.objects.visible_to(administrator)
    assert (found.count(), Employer.objects.visible_to(administrator).count()) == (4, 12)
    payroll = found.get(name="Loon Noord")
    member, employer = payroll.members.select_related("user")[0].user, payroll.employers.all()[0].employer
    assert checks.has_right(member, Right.VIEW_WAGES, employer)
    assert filter_employers(Employer.objects.visible_to(administrator), q="", only="1").count() == 3


@pytest.mark.django_db
def test_the_example_is_made_once(example_administrator: User) -> None:
    count = User.objects.count()
    assert offices.ensure_example_offices("another") == example_administrator
    assert (User.objects.count(), Provider.objects.count()) == (count, 2)
    assert not Provider.objects.filter(two_factor_managers=True).exists()  # sign-in must be quick


@pytest.mark.django_db
def test_the_example_has_a_program_that_tries_the_web_service(example_administrator: User) -> None:
    office = example_administrator.office
    service = offices.ensure_webservice_user(office, PASSWORD)
    assert offices.ensure_webservice_user(office, "another") == service
    assert re.fullmatch(r"[a-z-]+", service.username)
    assert checks.effective_rights(service) == {
        Right.VIEW_USERS, Right.VIEW_TEAMS, Right.VIEW_AUDIT, Right.MANAGE_USERS,
    }  # fmt: skip
    said = {"client_id": service.username, "client_secret": PASSWORD, "grant_type": "client_credentials"}
    assert Client().post("/oauth/token/", said).json()["access_token"]


@pytest.mark.django_db
def test_only_open_invitations_wait_for_the_worker(example_administrator: User) -> None:
    waiting = Message.objects.filter(state=Message.State.QUEUED, kind="invitation")
    assert set(waiting.values_list("recipient", flat=True)) == {
        "p.deboer@devries.example",
        "i.willems@devries.example",
        "n.kaya@devries.example",
    }


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="loket-demo-"))
    yield path
    server.stop_server(path / "postgresql")
    shutil.rmtree(path)


def status_of(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def manage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "LOKET_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_demo_prints_how_to_sign_in_and_stops_everything(folder: Path, ending: signal.Signals) -> None:
    port = free_port()
    with demo(folder, port) as running:
        first = running.lines()
        assert list(first) == ["URL", "Kantoor", "Gebruikersnaam", "Wachtwoord"]
        service = running.process.stdout.readline()
        assert service == f"Webservice: webservice-de-vries / {first['Wachtwoord']}\n"
        assert first["URL"] == f"http://localhost:{port}/"
        assert re.fullmatch(r"\w{4}-\w{4}-\w{4}-\d{4}", first["Wachtwoord"])
        assert status_of(port, "/inloggen/") == 200
        assert len(running.family()) >= 3  # itself, web server, worker
        assert "m.vermeer" in manage(folder, "shell", "-v0", "-c", _PRINT_USERNAMES).stdout
        started = time.monotonic()
        running.process.send_signal(ending)
        running.process.wait(15)
        assert time.monotonic() - started < 10
        assert running.process.returncode == 0
        assert running.family() == []
    assert not server.is_server_ready(folder / "postgresql")
    with demo(folder, port) as again:
        assert again.lines() == first


_PRINT_USERNAMES = "from accounts.models import User; print(list(User.objects.values_list('username', flat=True)))"
_CHANGE_PASSWORD = (
    "from accounts.models import User; from accounts.passwords import hash_password;"
    "User.objects.filter(username='m.vermeer').update(password=hash_password('Zonnebloem-42'))"
)


@pytest.mark.slow
def test_nothing_outlives_kill_9(folder: Path) -> None:
    port = free_port()
    with demo(folder, port) as running:
        first = running.lines()
        running.process.kill()
        running.process.wait()
        deadline = time.monotonic() + 10
        while running.family() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert running.family() == []
    with demo(folder, port) as again:
        assert again.lines() == first


@pytest.mark.slow
def test_changed_password_is_not_printed(folder: Path) -> None:
    port = free_port()
    with demo(folder, port) as running:
        password = running.lines()["Wachtwoord"]
        assert manage(folder, "shell", "-v0", "-c", _CHANGE_PASSWORD).returncode == 0
        running.process.send_signal(signal.SIGINT)
        running.process.wait(15)
    with demo(folder, port) as again:
        assert again.lines()["Wachtwoord"] not in ("", password)


@pytest.mark.slow
def test_a_part_that_dies_stops_the_rest(folder: Path) -> None:
    port = free_port()
    with demo(folder, port) as running:
        running.lines()
        worker = next(
            pid for pid in running.family() if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        )
        os.kill(worker, signal.SIGKILL)
        output, _errors = running.process.communicate(timeout=15)
        assert running.process.returncode == 1
        assert "worker stopped with exit code" in output
        assert running.family() == []
    assert not server.is_server_ready(folder / "postgresql")


@pytest.mark.slow
def test_port_or_folder_in_use_is_refused(folder: Path) -> None:
    port = free_port()
    with demo(folder, port) as running:
        running.lines()
        for other_port, expected in ((port, f"Port {port} is in use"), (free_port(), "already running in")):
            other = Demo(folder, other_port)
            output, _errors = other.process.communicate(timeout=30)
            assert other.process.returncode == 1
            assert expected in output
            assert "Traceback" not in output
        assert status_of(port, "/inloggen/") == 200


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "８０００"])
def test_invalid_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match="PORT"):
        call_command("demo")


DATABASE = {
    "DATABASE_URL": "postgres://loket@127.0.0.1:1/loket",
    "LOKET_SECRET_KEY": "s" * 50,
    "LOKET_SEALING_KEYS": "QUFB" * 10 + "QUE=",
    "LOKET_CHECKPOINT_KEY": "QUFB" * 10 + "QUE=",
}


@pytest.mark.slow
def test_an_installation_with_its_own_database_has_no_demo(tmp_path: Path) -> None:
    script = (
        "import django; django.setup();"
        "from django.core.management import get_commands;"
        "from django.urls import is_valid_path;"
        "print('demo' in get_commands(), bool(is_valid_path('/demo/postvak/')), bool(is_valid_path('/inloggen/')))"
    )
    environment = own_environment(tmp_path) | {"DJANGO_SETTINGS_MODULE": "loket.settings"}
    for database, expected in (
        ({}, "True True True"),
        (DATABASE, "False False True"),
    ):
        command = [sys.executable, "-c", script]
        output = subprocess.run(
            command, env=environment | database, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=60
        ).stdout
        assert output.strip() == expected
