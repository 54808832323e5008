"""`make demo` as a real process, and the example offices that it creates."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoDbBlocker

from accounts.models import LoginMethod, Provider, User
from audit import checkpoints, export, verify
from audit.models import Checkpoint, Event
from authentication.mfa.status import TwoFactorStatus, annotate_two_factor
from core import periodic_jobs
from core.embedded_postgres import server
from demo import authenticator
from demo.data import offices
from demo.data.arrivals import OPERATOR
from outbox.models import Message
from permissions import checks
from permissions.catalog import OFFICE_ADMIN_RIGHTS, Right
from permissions.models import DutyRule, Employer, Team
from permissions.right_sources import find_superfluous_rights
from reviews.duty_list import filter_conflicting_users, list_conflicting_users, may_approve, paginate_open_exemptions
from teams import deviations
from teams.queries import filter_employers
from teams.sets import list_set_deviations
from tests.helpers.demo_process import ROOT, Demo, demo, free_port
from tests.helpers.mfa import code_now
from tests.helpers.servers import own_environment
from users.alerts import AlertReason, count_alerts, filter_by_alert
from users.dormant_accounts import ReviewReason, ReviewThresholds, count_users_to_review, filter_users_to_review
from users.status import AccountStatus, annotate_statuses

PASSWORD = "Gesi-Kite-Koga-4471"


@pytest.fixture(scope="module")
def example_administrator(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[User]:
    """The first administrator of the example offices, which are created once: each test rolls back its own changes."""
    with django_db_blocker.unblock(), translation.override("nl"), transaction.atomic():
        yield offices.ensure_example_offices(PASSWORD)
        transaction.set_rollback(True)


@pytest.mark.slow
@pytest.mark.django_db
def test_the_example_has_every_kind_and_status(example_administrator: User) -> None:
    administrator = example_administrator
    assert checks.effective_rights(administrator) == OFFICE_ADMIN_RIGHTS
    users = User.objects.visible_to(administrator)
    assert users.count() == 60
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
    assert (found.count(), Employer.objects.visible_to(administrator).count()) == (5, 25)
    payroll = found.get(name="Loon Noord")
    member, employer = payroll.members.select_related("user")[0].user, payroll.employers.all()[0].employer
    assert checks.has_right(member, Right.VIEW_WAGES, employer)
    assert not filter_employers(Employer.objects.visible_to(administrator), q="", only="1").exists()


@pytest.mark.django_db
def test_the_example_has_a_year_of_history_that_agrees_with_itself(example_administrator: User) -> None:
    office, now = example_administrator.office, timezone.now()
    events = list(Event.objects.filter(provider_id=office.pk).order_by("at"))
    assert (now - events[0].at).days >= 365
    assert len({event.at.date() for event in events}) >= 50
    assert max(event.at for event in events) <= now
    for event in events:  # ids are in the order of time as well
        assert (event.pk.int >> 80) / 1000 == pytest.approx(event.at.timestamp(), abs=5)
    exported = export.begin_export(office, by=OPERATOR)
    signed = [checkpoint.signed for checkpoint in Checkpoint.objects.filter(provider_id=office.pk)]
    assert len(signed) >= 10
    public = load_pem_public_key(checkpoints.get_public_key_pem())
    assert str(len(events) + 1) in verify.verify_history(exported.lines(), signed, public)
    for user in User.objects.filter(provider=office):
        accepted = user.accepted_at or now  # an account that needs no acceptance is, just before it is stored
        assert user.created_at - timedelta(seconds=1) < accepted <= (user.last_login or now) <= now, user
    assert office.created_at < events[-1].at


@pytest.mark.django_db
def test_the_advice_of_the_product_finds_what_was_planted_only(example_administrator: User) -> None:
    office, users = example_administrator.office, User.objects.visible_to(example_administrator)
    (dubois,), (bouzid,), (smits,) = (users.filter(last_name=name) for name in ("Dubois", "Bouzid", "Smits"))
    assert find_superfluous_rights(office.pk) == [(dubois.pk, Right.VIEW_WAGES)]
    hendriks = User.objects.get(provider=office, last_name="Hendriks")
    assert deviations.list_deviating_rights(office) == [(hendriks.pk, Right.RUN_PAYROLL_COLLECTIVELY)]
    assert list(deviations.filter_users_without_team(office)) == [bouzid]
    assert deviations.find_shared_rights_groups(office) == []
    assert not any(one.difference for found in list_set_deviations(office).values() for one in found)
    thresholds = ReviewThresholds()
    assert list(filter_users_to_review(users, ReviewReason.DORMANT, thresholds)) == [smits]
    assert count_users_to_review(users, thresholds)[ReviewReason.PASSWORD] == 0
    found = {alert.reason for alert in count_alerts(example_administrator, AlertReason)}
    stopped = {AlertReason.UNDELIVERED, AlertReason.LOCKED, AlertReason.REFUSED, AlertReason.EXPIRED}
    assert found == stopped | {AlertReason.WITHOUT_RIGHTS, AlertReason.DORMANT}  # each invitation has another status


@pytest.mark.slow
@pytest.mark.django_db
def test_the_example_keeps_duties_apart(example_administrator: User) -> None:
    """An administrator sees who conflicts, since when, and an exception to approve."""
    office = example_administrator.office
    rules = {rule.pk: rule for rule in DutyRule.objects.filter(provider=office)}
    assert sorted(rule.severity for rule in rules.values()) == ["refuse", "warn"]
    users, found = filter_conflicting_users(office, list(rules.values()))
    assert {"Hendriks", "Webservice", "Vermeer"} <= {user.last_name for user in users}
    assert {each.is_exempt for each in found} == {True, False}
    assert all(
        row.since for user in list_conflicting_users(office, rules, found, list(users)) for row in user.conflicts
    )
    exemptions = paginate_open_exemptions(example_administrator, "").rows
    assert [may_approve(each, example_administrator) for each in exemptions] == [True, False]


@pytest.mark.django_db
def test_the_worker_has_nothing_to_mend(example_administrator: User) -> None:
    before = set(User.objects.values_list("pk", flat=True)), Event.objects.count()
    for job in periodic_jobs.discover_jobs():
        job.function()
    assert (set(User.objects.values_list("pk", flat=True)), Event.objects.count()) == before


@pytest.mark.django_db
def test_administrators_have_two_factor(example_administrator: User) -> None:
    assert example_administrator.office.two_factor_managers
    assert checks.two_factor_rules(example_administrator).is_required_today
    assert not filter_by_alert(
        annotate_statuses(User.objects.visible_to(example_administrator)), AlertReason.TWO_FACTOR
    )
    app = example_administrator.authenticator_apps.get()
    (shown,) = authenticator.list_codes()
    assert shown == (
        example_administrator.username,
        code_now(base64.b32decode(authenticator.get_key(example_administrator))),
    )
    assert app.verify_token(shown.code)


@pytest.mark.django_db
def test_the_example_is_made_once(example_administrator: User) -> None:
    count = User.objects.count()
    assert offices.ensure_example_offices("another") == example_administrator
    assert (User.objects.count(), Provider.objects.count()) == (count, 2)


@pytest.mark.django_db
def test_the_example_has_a_program_that_tries_the_web_service(example_administrator: User) -> None:
    service = User.objects.visible_to(example_administrator).get(username=offices.WEBSERVICE_USERNAME)
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
        assert list(first) == ["URL", "Kantoor", "Gebruikersnaam", "Wachtwoord", "Two-factor"]
        assert len(base64.b32decode(first["Two-factor"])) == 20
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
