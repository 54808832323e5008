"""A backup is restored into another database and proved; what is damaged, foreign or half is refused."""

import json
import os
import random
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

import audit.chain
import authentication.actions
from accounts.models import User
from audit.models import ChainLink, Event
from core import db_roles, encryption
from monitoring.backup import BackupError, create, manifest, restore, tools
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


def test_what_was_there_is_there_again(backup: Path, empty_database: str, alice: User) -> None:
    secret, head = secret_of(alice.authenticator_apps.get()), audit.chain.get_chain_head(alice.provider_id)
    events = Event.objects.count()
    record_events(alice, 1)  # after the backup
    said = restore_into(empty_database, backup)
    assert f"The history is intact: {ChainLink.objects.count()} events in 2 chains" in said
    with use_database(empty_database):
        assert Event.objects.count() == events
        assert audit.chain.get_chain_head(alice.provider_id) == head
        assert secret_of(User.objects.get(pk=alice.pk).authenticator_apps.get()) == secret
        for statement in ("UPDATE audit_event SET verb = 'x'", "DELETE FROM audit_chainlink", "TRUNCATE audit_event"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                db_roles.execute_statements([statement])
        assert audit.chain.append_all_pending() == 1, "the chain goes on"
        assert connection.settings_dict["USER"] == "loket_app"


def test_the_file_is_private_and_holds_no_key(backup: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [backup.name]
    content = backup.read_bytes()
    keys = [*django_settings.LOKET_SEALING_KEYS, django_settings.LOKET_CHECKPOINT_KEY, django_settings.SECRET_KEY]
    assert [key for key in keys if key.encode() in content] == []
    with zipfile.ZipFile(backup) as archive:
        found = json.loads(archive.read(create.MANIFEST_NAME))
        assert archive.read(create.DUMP_NAME).startswith(b"PGDMP")
    assert found["key_fingerprints"] == encryption.list_key_fingerprints()
    assert found["version"] == "0.1.0"
    assert found["state"]["rows"]["audit_chainlink"] == ChainLink.objects.count() >= 6
    assert "outbox.0001_initial" in found["state"]["migrations"]


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


def test_any_changed_byte_is_refused(backup: Path, tmp_path: Path) -> None:
    content, wrong = backup.read_bytes(), tmp_path / "wrong.backup"
    with zipfile.ZipFile(backup) as archive:
        parts = [(entry.header_offset + 60, entry.file_size - 60) for entry in archive.infolist()]
    draw = random.Random(1)  # noqa: S311
    places = [start + draw.randrange(length) for start, length in parts for _number in range(40)]
    for place in places:
        wrong.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BackupError):
            restore.check_backup(wrong)
    assert restore.check_backup(backup).version == "0.1.0"


def test_a_changed_database_with_a_valid_archive_is_refused(backup: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(backup) as archive:
        dump, signed = archive.read(create.DUMP_NAME), archive.read(create.MANIFEST_NAME)

    def write(dump: bytes, signed: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / "other.backup", "w") as archive:
            archive.writestr(create.DUMP_NAME, dump)
            archive.writestr(create.MANIFEST_NAME, signed)
        return tmp_path / "other.backup"

    assert restore.check_backup(write(dump, signed))
    with pytest.raises(CommandError, match=r"The database in .* was changed or damaged: use another backup"):
        call_command("restore", str(write(dump + b"x", signed)), "--check")
    with pytest.raises(CommandError, match="The manifest of this backup was changed"):
        call_command("restore", str(write(dump, signed.replace(b'"version":"0.1.0"', b'"version":"0.1.1"'))), "--check")
    for manifest_data, said in (
        (b"[]", "is damaged"),
        (b'{"format":"x","signature":"","key_fingerprints":[]}', "another release"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("restore", str(write(dump, manifest_data)), "--check")


def test_half_a_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.backup"
    half.write_bytes(backup.read_bytes()[:-3000])
    for path, said in ((half, "the half of a backup that was interrupted"), (tmp_path / "none", "No such file")):
        with pytest.raises(CommandError, match=said):
            call_command("restore", str(path))


@pytest.mark.slow
def test_a_missing_key_is_named(backup: Path, settings: Any, empty_database: str) -> None:
    fingerprint, kept = encryption.list_key_fingerprints()[0], settings.LOKET_SEALING_KEYS
    settings.LOKET_SEALING_KEYS = [new_key()]
    with pytest.raises(CommandError, match=f"needs the encryption key with fingerprint {fingerprint}"):
        call_command("restore", str(backup))
    settings.LOKET_SEALING_KEYS = [*settings.LOKET_SEALING_KEYS, *kept]
    assert "in order" in restore_into(empty_database, backup), "a newer key may stand in front"


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


def test_what_cannot_be_written_leaves_nothing(alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "loket.backup"
    path.write_text("precious")
    with pytest.raises(CommandError, match=r"No backup was made\. .* exists already"):
        back_up(path)
    assert path.read_text() == "precious"
    failing = tmp_path / "pg_dump"
    failing.write_text("#!/bin/sh\necho half\necho 'pg_dump: error: no space' >&2\necho 'DETAIL: a row' >&2\nexit 1\n")
    failing.chmod(0o700)
    monkeypatch.setattr(tools, "find_tool", lambda *_arguments: failing)
    with pytest.raises(CommandError, match=r"No backup was made\. pg_dump failed: pg_dump: error: no space$"):
        back_up(tmp_path / "other.backup")
    assert sorted(os.listdir(tmp_path)) == ["loket.backup", "pg_dump"]
    with pytest.raises(CommandError, match=r"No backup was made\. .* No such file"):
        back_up(tmp_path / "not" / "there.backup")


def test_the_half_of_an_interrupted_backup_is_replaced(
    alice: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "loket.backup"
    create.get_draft_path(path).write_bytes(b"x" * 10_000_000)
    back_up(path)
    assert "loket.backup.partial is the half of a backup that was interrupted" in capsys.readouterr().err
    assert restore.check_backup(path)
    assert os.listdir(tmp_path) == [path.name]
    with create._create_file(tmp_path / "busy"), pytest.raises(CommandError, match="Another backup is writing"):
        back_up(tmp_path / "busy")


def test_a_folder_gets_a_file_named_after_the_moment(alice: User, tmp_path: Path) -> None:
    back_up(tmp_path)
    (name,) = os.listdir(tmp_path)
    assert Path(name).match("loket-20??????T??????Z.backup")


def test_tools_that_are_missing_or_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_tool(major: int) -> Path:
        path = tmp_path / f"pg_dump{major}"
        path.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.3 (Debian)'\n")
        path.chmod(0o700)
        return path

    present = [write_tool(major) for major in (19, 15, 18)]
    monkeypatch.setattr(tools, "_list_candidates", lambda _name: present)
    assert tools.find_tool("pg_dump", 16) == present[2], "the oldest that suits"
    assert tools.find_tool("pg_dump", 15) == present[1]
    with pytest.raises(BackupError, match=r"pg_dump of PostgreSQL 20 or newer.*version 19.*postgresql-client-20"):
        tools.find_tool("pg_dump", 20)
    present.clear()
    with pytest.raises(BackupError, match="there is none"):
        tools.find_tool("pg_dump", 15)


def test_the_owner_is_needed(tmp_path: Path, settings: Any) -> None:
    settings.LOKET_DATABASE_ROLES = settings.LOKET_DATABASE_ROLES | {"owner": None}
    with pytest.raises(CommandError, match="Set LOKET_OWNER_DATABASE_URL"):
        back_up(tmp_path / "loket.backup")
