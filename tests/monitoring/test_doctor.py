"""The doctor finds what is wrong, says what to do, and waits for nothing that hangs."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

import audit.actions
import outbox.actions
from accounts.models import User
from audit import checkpoints
from audit.verbs import Verb
from core import db_roles, encryption
from core.ids import uuid7
from imports.models import ImportJob
from imports.scheduling import LONG_JOB_SECONDS
from monitoring import health, key_rotation
from monitoring.diagnosis import database, findings, machine, services
from monitoring.diagnosis.findings import CheckFunction, Finding, Level
from oauth.models import SigningKey
from tests.core.test_db_availability import terminate_sleeping_backends
from tests.helpers.database_owner import get_owner_parameters
from tests.helpers.database_owner import production_privileges as production_privileges
from tests.helpers.demo_process import free_port
from tests.helpers.mfa import give_app
from tests.helpers.users import actor
from tests.monitoring.test_key_rotation import new_key

SECRET = "geheim-Wachtw00rd"


def find(check: CheckFunction) -> list[tuple[Level, str]]:
    """Return level and text of what a check finds; whatever is wrong has an advice."""
    found = list(check())
    assert all(finding.advice for finding in found if finding.level in (Level.WARNING, Level.PROBLEM))
    return [(finding.level, finding.text) for finding in found]


def run_doctor(*options: str) -> tuple[str, str]:
    """Return what the doctor says, and its error, if any."""
    output = StringIO()
    try:
        call_command("doctor", *options, stdout=output)
    except CommandError as error:
        return output.getvalue(), str(error)
    return output.getvalue(), ""


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with DATABASE_URL, for which more is required."""
    for module in (machine, services):
        monkeypatch.setattr(module, "uses_own_server", lambda: True)


@pytest.mark.usefixtures("production_privileges")
def test_a_healthy_installation_passes() -> None:
    outbox.actions.record_heartbeat(uuid7())
    said, error = run_doctor()
    assert error == ""
    names = [line.partition(":")[0] for line in said.splitlines() if not line.startswith(" ")]
    assert list(dict.fromkeys(names)) == [
        "database", "migrations", "worker", "outbox", "jobs", "server", "roles", "keys", "clock", "imports",
        "settings", "disk", "mail", "sms", "microsoft", "tls", "dns", "traces",
    ]  # fmt: skip
    assert "roles: ok, the application cannot change the history\n" in said


@pytest.mark.django_db
def test_problems_come_with_an_advice_in_80_columns(own_server: None, settings: Any, monkeypatch: Any) -> None:
    settings.SMS_URL, settings.LOKET_URL = f"json://u:{SECRET}@127.0.0.1:{free_port()}/?:to={{to}}", "https://x.invalid"
    monkeypatch.setattr(socket, "getaddrinfo", _find_no_address)
    said, error = run_doctor()
    assert error.startswith("Unhealthy: worker, ")
    assert error.endswith("sms, dns.")
    assert "worker: PROBLEM, never seen\n  → Start a worker: loket worker, as a service" in said
    assert max(map(len, said.splitlines())) <= 80
    assert SECRET not in said
    found = json.loads(run_doctor("--json")[0])
    assert {"name": "worker", "level": "PROBLEM", "text": "never seen"}.items() <= found[2].items()


def _find_no_address(*_args: object, **_options: object) -> list[object]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_rest_is_checked(unavailable_database: None) -> None:
    said, error = run_doctor()
    assert "database: PROBLEM, does not answer\n  → Start PostgreSQL; check DATABASE_URL" in said
    assert "server: PROBLEM, not known" in said
    assert "disk: ok" in said
    assert error.startswith("Unhealthy: database, ")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_check_of_the_database_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang() -> Iterator[Finding]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        yield Finding("hangs", Level.OK)

    monkeypatch.setattr(findings, "DATABASE_SECONDS", 0.5)
    hanging, clock = findings.run_database_checks({"hangs": hang, "clock": database.check_clock})
    assert (hanging.level, clock.level) == (Level.PROBLEM, Level.OK)
    terminate_sleeping_backends()


@pytest.mark.slow
def test_a_check_that_hangs_or_breaks_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down() -> Iterator[Finding]:
        raise ValueError(SECRET)

    monkeypatch.setattr(findings, "CHECK_SECONDS", 0.5)
    checks: dict[str, CheckFunction] = {
        "hangs": lambda: time.sleep(5) or [], "breaks": break_down, "fine": lambda: [Finding("fine", Level.OK)],
    }  # fmt: skip
    start = time.monotonic()
    hanging, broken, fine = findings.start_checks(checks)()
    assert time.monotonic() - start < 3
    assert hanging[:3] == ("hangs", Level.PROBLEM, "no answer in time")
    assert broken[:3] == ("breaks", Level.PROBLEM, "could not be checked (ValueError)")
    assert fine.level == Level.OK


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("production_privileges")
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("GRANT UPDATE", "REVOKE UPDATE"),
        ("GRANT UPDATE (verb)", "REVOKE UPDATE (verb)"),
        ("GRANT TRUNCATE", "REVOKE TRUNCATE"),
        ("GRANT TRIGGER", "REVOKE TRIGGER"),
        ("GRANT REFERENCES", "REVOKE REFERENCES"),
        ("REVOKE INSERT", "GRANT INSERT"),
    ],
)
def test_wrong_privileges_are_found(wrong: str, right: str) -> None:
    with psycopg.connect(**get_owner_parameters(), autocommit=True) as owner:
        for statement, level in ((wrong, Level.PROBLEM), (right, Level.OK)):
            owner.execute(f"{statement} ON audit_event {'TO' if 'GRANT' in statement else 'FROM'} loket_app")
            ((found, text),) = find(database.check_roles)
            assert found == level
            assert ("audit_event" in text) == (level == Level.PROBLEM)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("production_privileges")
def test_migrate_takes_wrong_privileges_away() -> None:
    with psycopg.connect(**get_owner_parameters(), autocommit=True) as owner:
        owner.execute("GRANT TRUNCATE, TRIGGER ON accounts_user, audit_event TO loket_app")
        owner.execute("GRANT UPDATE (verb) ON audit_event TO loket_app")
    assert [level for level, _text in find(database.check_roles)] == [Level.PROBLEM]
    with db_roles.use_owner_role():
        db_roles.grant_privileges()
    assert [level for level, _text in find(database.check_roles)] == [Level.OK]


@pytest.mark.django_db
def test_the_owner_of_the_tables_is_not_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = database._TABLES_SQL
    for owner in ("relowner", "nspowner"):
        monkeypatch.setattr(database, "_TABLES_SQL", sql.replace(f"pg_has_role({owner}", f"NOT pg_has_role({owner}"))
        ((level, text),) = find(database.check_roles)
        assert (level, "owner of the tables" in text) == (Level.PROBLEM, True)


@pytest.mark.django_db
def test_an_old_server_and_dangerous_settings_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [level for level, _text in find(database.check_server)] == [Level.OK]
    monkeypatch.setattr(database, "MIN_VERSION", 990000)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        try:
            (old, _text), commit = find(database.check_server)
        finally:
            cursor.execute("RESET synchronous_commit")
    assert (old, commit) == (Level.PROBLEM, (Level.PROBLEM, "synchronous_commit is off"))


@pytest.mark.django_db
def test_keys(bob: User, settings: Any) -> None:
    give_app(bob)
    SigningKey.objects.create_missing()
    old = settings.LOKET_SEALING_KEYS
    fingerprint = encryption.list_key_fingerprints()[0]
    ((level, text),) = find(database.check_keys)
    assert (level, f"decrypt with {fingerprint}; keys for ID tokens are 0 days old" in text) == (Level.OK, True)
    settings.LOKET_SEALING_KEYS = [new_key(), *old]
    (older, text), fine = find(database.check_keys)
    assert (older, fine[0], "2 encryption keys" in text) == (Level.WARNING, Level.OK, True)
    settings.LOKET_SEALING_KEYS = [new_key()]
    ((level, text),) = find(database.check_keys)
    assert (level, text) == (Level.PROBLEM, f"values are encrypted with a key that is not here: {fingerprint}")


@pytest.mark.django_db
def test_a_checkpoint_key_that_changed_is_found(bob: User, settings: Any) -> None:
    audit.actions.record(Verb.USER_BLOCKED, bob, by=actor(bob), provider_id=bob.provider_id)
    assert "checkpoint key" not in find(database.check_keys)[0][1]
    with time_machine.travel(timezone.now() - timedelta(days=400, hours=1), tick=False):
        assert checkpoints.save_checkpoint_if_due(bob.provider_id)
    ((level, text),) = find(database.check_keys)
    assert (level, "; the checkpoint key is 400 days old or older" in text) == (Level.OK, True)
    settings.LOKET_CHECKPOINT_KEY = new_key()
    fine, changed = find(database.check_keys)
    assert (fine[0], "checkpoint key" in fine[1]) == (Level.OK, False)
    assert changed == (Level.WARNING, "the last checkpoint of the history was signed with another key")


@pytest.mark.django_db
def test_a_damaged_value_is_found(bob: User) -> None:
    give_app(bob)
    column = next(column for column in key_rotation.ENCRYPTED_COLUMNS if column.name == "encrypted_secret")
    (row,) = column.model._default_manager.all()
    column.model._default_manager.update(encrypted_secret=bytes(row.encrypted_secret)[:-1] + b"x")
    ((level, text),) = find(database.check_keys)
    assert (level, text.startswith("1 of ")) == (Level.PROBLEM, True)


@pytest.mark.django_db
def test_an_import_that_waits_is_found(alice: User) -> None:
    job = ImportJob(provider=alice.provider, user=alice, kind=ImportJob.Kind.USERS, name="file", digest="d")
    job.state, job.asked_at, job.encrypted_summary = ImportJob.State.PLAN_REQUESTED, timezone.now(), b"x"
    job.save()
    assert find(database.check_imports) == [(Level.OK, "the oldest has waited for 0 seconds")]
    limit = int(LONG_JOB_SECONDS)
    for seconds, level in ((limit - 5, Level.OK), (limit + 1, Level.WARNING)):
        ImportJob.objects.update(asked_at=timezone.now() - timedelta(seconds=seconds))
        ((found, text),) = find(database.check_imports)
        assert (found, f"{seconds // 10}" in text) == (level, True)


@pytest.mark.django_db
def test_a_component_that_is_late_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"migrations": health.UNKNOWN, "database": "read only"}
    monkeypatch.setattr(health, "check_components", lambda **_options: states)
    unknown, read_only = database.report_components()
    assert "took too long" in unknown.advice
    assert "primary" in read_only.advice


def test_a_full_disk(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOKET_DATA_DIR = tmp_path / "not" / "there"
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=machine._GIGABYTE // 10))
    found = find(machine.check_disk)
    assert {level for level, _text in found} == {Level.PROBLEM}
    assert found[0][1] == f"data folder {tmp_path}: 0.1 GB free"


def test_settings_are_those_of_check_deploy(own_server: None, settings: Any) -> None:
    settings.SMS_URL, settings.SECURE_SSL_REDIRECT = "console:", False
    found = find(machine.check_settings)
    assert any(level == Level.PROBLEM and "(outbox.E002)" in text for level, text in found)
    assert not any("(oauth2_provider.E001)" in text for _level, text in found), "silenced there as well"
    assert any(level == Level.WARNING and "(security.W008)" in text for level, text in found)
