"""A backup is restored into another database and proved."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

import audit.chain
import authentication.actions
from accounts.models import User
from audit import checkpoints
from audit.models import ChainLink, Checkpoint, Event
from core import db_roles, encryption
from monitoring.backup import manifest, tools
from tests.helpers.mfa import give_app, secret_of
from tests.helpers.users import actor
from tests.monitoring.test_key_rotation import new_key

pytestmark = pytest.mark.django_db(transaction=True)


def connect(user: str, database: str) -> "psycopg.Connection[Any]":
    here = connection.settings_dict
    return psycopg.connect(host=here["HOST"], port=here["PORT"], user=user, dbname=database, autocommit=True)


@contextmanager
def use_database(name: str) -> Iterator[None]:
    """Let this process use another database."""
    before = connection.settings_dict["NAME"]
    _switch_database(name)
    try:
        yield
    finally:
        _switch_database(before)


def _switch_database(name: str) -> None:
    connection.close()
    connection.close_pool()
    connection.settings_dict["NAME"] = name


@pytest.fixture
def empty_database(transactional_db: None) -> Iterator[str]:
    """The name of an empty database of the same owner."""
    name = f"{connection.settings_dict['NAME']}_restored"
    with connect("postgres", "loket") as superuser:  # who may end the connections of both roles
        superuser.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        superuser.execute(f"CREATE DATABASE {name} OWNER loket")
        yield name
        superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


def record_events(user: User, number: int = 3) -> None:
    for _number in range(number):
        authentication.actions.record_failed_sign_in(user, "wrong_password", by=actor(user))


def back_up(path: Path) -> str:
    output = StringIO()
    call_command("backup", str(path), stdout=output)
    return output.getvalue()


def restore_into(database: str, path: Path) -> str:
    output = StringIO()
    with use_database(database):
        call_command("restore", str(path), stdout=output)
    return output.getvalue()


@pytest.fixture
def backup(alice: User, charlie: User, tmp_path: Path) -> Path:
    """A backup with two chains, and one event that is in no chain yet."""
    give_app(alice)
    for user in (alice, charlie):
        record_events(user)
    audit.chain.append_all_pending()
    record_events(alice, 1)
    path = tmp_path / "loket.backup"
    back_up(path)
    return path


@pytest.mark.slow
def test_what_was_there_is_there_again(backup: Path, empty_database: str, alice: User) -> None:
    secret, head = secret_of(alice.authenticator_apps.get()), audit.chain.get_chain_head(alice.provider_id)
    events = Event.objects.count()
    record_events(alice, 1)  # after the backup
    output = restore_into(empty_database, backup)
    assert f"The history is intact: {ChainLink.objects.count()} events in 2 chains" in output
    assert "set a new\nLOKET_SECRET_KEY" in output
    assert "LOKET_CHECKPOINT_KEY" not in output
    with use_database(empty_database):
        assert Event.objects.count() == events
        assert audit.chain.get_chain_head(alice.provider_id) == head
        assert secret_of(User.objects.get(pk=alice.pk).authenticator_apps.get()) == secret
        for statement in ("UPDATE audit_event SET verb = 'x'", "DELETE FROM audit_chainlink", "TRUNCATE audit_event"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                db_roles.execute_statements([statement])
        assert audit.chain.append_all_pending() == 1, "the chain goes on"
        assert connection.settings_dict["USER"] == "loket_app"
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stats WHERE tablename = 'audit_event'")
            assert cursor.fetchone()[0] > 0, "queries are planned with statistics"


@pytest.mark.slow
def test_the_backup_is_of_one_moment(
    alice: User, tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_output = tools.read_output

    def change_first(*arguments: Any) -> Iterator[bytes]:
        with connect("loket", connection.settings_dict["NAME"]) as owner:
            owner.execute("UPDATE accounts_user SET first_name = 'Later'")
            owner.execute("INSERT INTO core_throttle (key, full_at) VALUES ('later', now())")
        yield from read_output(*arguments)

    monkeypatch.setattr(tools, "read_output", change_first)
    back_up(tmp_path / "loket.backup")
    restore_into(empty_database, tmp_path / "loket.backup")
    with use_database(empty_database):
        assert User.objects.get(pk=alice.pk).first_name != "Later"


@pytest.mark.slow
def test_a_missing_key_is_named(backup: Path, settings: Any, empty_database: str) -> None:
    fingerprint, kept = encryption.list_key_fingerprints()[0], settings.LOKET_SEALING_KEYS
    settings.LOKET_SEALING_KEYS = [new_key()]
    with pytest.raises(CommandError, match=f"needs the encryption key with fingerprint {fingerprint}"):
        call_command("restore", str(backup))
    settings.LOKET_SEALING_KEYS = [*settings.LOKET_SEALING_KEYS, *kept]
    assert "in order" in restore_into(empty_database, backup), "a newer key may stand in front"


@pytest.mark.slow
def test_a_start_of_a_chain_that_nobody_signed_is_told(
    alice: User, tmp_path: Path, empty_database: str, settings: Any
) -> None:
    """Who owns the tables can delete the oldest events and let the chain start after them."""
    record_events(alice)
    audit.chain.append_all_pending()
    at = audit.chain.ChainHead(1, ChainLink.objects.get(provider_id=alice.provider_id, sequence=1).hash)
    start = checkpoints.sign_head(alice.provider_id, at, Checkpoint.CheckpointType.START)
    signed = Checkpoint.objects.create(provider_id=alice.provider_id, kind="start", sequence=1, signed=start)
    assert checkpoints.count_unsigned() == 0
    for wrong in (start | {"signature": "AAAA"}, {"hash": at.hash}, start | {"sequence": 2}):
        signed.signed = wrong
        assert not checkpoints._is_signed(signed)
    assert not checkpoints._is_signed(Checkpoint(provider_id=None, kind="start", sequence=1, signed=start))
    with connect("loket", connection.settings_dict["NAME"]) as owner:
        owner.execute("SET loket.removes_history = 'yes'")
        owner.execute("DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_chainlink WHERE sequence = 1)")
        owner.execute("DELETE FROM audit_chainlink WHERE sequence = 1")
    back_up(tmp_path / "loket.backup")
    settings.LOKET_CHECKPOINT_KEY = new_key()
    output = restore_into(empty_database, tmp_path / "loket.backup")
    assert "LOKET_CHECKPOINT_KEY did not sign 1 of its checkpoints" in output


@pytest.mark.slow
def test_only_an_empty_database_is_restored_into(backup: Path, alice: User) -> None:
    with pytest.raises(CommandError, match=r"is not empty: \d+ tables and sequences"):
        call_command("restore", str(backup))
    assert User.objects.filter(pk=alice.pk).exists()


def test_a_backup_of_a_newer_release_is_refused(alice: User, tmp_path: Path) -> None:
    later = MigrationRecorder(connection)
    later.record_applied("outbox", "9999_of_the_next_release")
    try:
        back_up(tmp_path / "loket.backup")
    finally:
        later.record_unapplied("outbox", "9999_of_the_next_release")
    with pytest.raises(CommandError, match=r"does not know \(outbox\.9999_of_the_next_release\): install"):
        call_command("restore", str(tmp_path / "loket.backup"), "--check")


@pytest.mark.slow
def test_a_history_that_was_tampered_with_is_found(alice: User, tmp_path: Path, empty_database: str) -> None:
    record_events(alice)
    audit.chain.append_all_pending()
    with connect("loket", connection.settings_dict["NAME"]) as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        owner.execute("UPDATE audit_event SET verb = 'x' WHERE id = (SELECT max(id::text)::uuid FROM audit_event)")
        owner.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_not_emptied")  # as in all tests
    back_up(tmp_path / "loket.backup")
    with pytest.raises(CommandError, match=rf"history is broken: event 3 of {alice.provider_id} was changed"):
        restore_into(empty_database, tmp_path / "loket.backup")


@pytest.mark.slow
def test_a_restored_database_that_differs_is_found(
    alice: User, tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_rows = manifest._count_rows
    with monkeypatch.context() as patch:
        patch.setattr(
            manifest, "_count_rows", lambda cursor, table: count_rows(cursor, table) + (table == "core_throttle")
        )
        back_up(tmp_path / "loket.backup")
    with pytest.raises(CommandError, match="not what was backed up: core_throttle differ"):
        restore_into(empty_database, tmp_path / "loket.backup")
