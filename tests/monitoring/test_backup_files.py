"""The file of a backup: who can read it, what it replaces, and that a damaged or forged one is refused."""

import json
import os
import random
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from accounts.models import User
from audit.models import ChainLink
from core import encryption
from monitoring.backup import BackupError, create, restore, tools
from tests.monitoring.test_backup import back_up
from tests.monitoring.test_backup import backup as backup
from tests.monitoring.test_doctor import SECRET

pytestmark = pytest.mark.django_db(transaction=True)
DRAFTS = "loket-backup-*.partial"


def check(path: Path) -> None:
    with path.open("rb") as file:
        restore.check_backup(file)


def write_tool(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


@pytest.fixture
def forge(backup: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write the parts of a backup, one of them another."""
    with zipfile.ZipFile(backup) as archive:
        parts = {name: archive.read(name) for name in (create.DUMP_NAME, create.MANIFEST_NAME)}

    def write(compression: int = zipfile.ZIP_STORED, **changes: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / "other.backup", "w", compression) as archive:
            archive.writestr(create.DUMP_NAME, changes.get("dump", parts[create.DUMP_NAME]))
            archive.writestr(create.MANIFEST_NAME, changes.get("manifest", parts[create.MANIFEST_NAME]))
        return tmp_path / "other.backup"

    return write


@pytest.mark.slow
def test_the_file_is_private_and_holds_no_key(backup: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [backup.name]
    content = backup.read_bytes()
    keys = [*django_settings.LOKET_SEALING_KEYS, django_settings.LOKET_CHECKPOINT_KEY, django_settings.SECRET_KEY]
    assert [key for key in keys if key.encode() in content] == []
    with zipfile.ZipFile(backup) as archive:
        manifest = json.loads(archive.read(create.MANIFEST_NAME))
        assert archive.read(create.DUMP_NAME).startswith(b"PGDMP")
    assert manifest["key_fingerprints"] == encryption.list_key_fingerprints()
    assert manifest["version"] == "0.1.0"
    assert manifest["state"]["rows"]["audit_chainlink"] == ChainLink.objects.count() >= 6
    assert "outbox.0001_initial" in manifest["state"]["migrations"]


@pytest.mark.slow
def test_any_changed_byte_is_refused(backup: Path, tmp_path: Path) -> None:
    content, wrong = backup.read_bytes(), tmp_path / "wrong.backup"
    with zipfile.ZipFile(backup) as archive:
        parts = [(entry.header_offset + 60, entry.file_size - 60) for entry in archive.infolist()]
    draw = random.Random(1)  # noqa: S311
    places = [start + draw.randrange(length) for start, length in parts for _number in range(40)]
    for place in places:
        wrong.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BackupError):
            check(wrong)
    check(backup)


@pytest.mark.slow
def test_damage_to_the_archive_itself_is_no_traceback(backup: Path, tmp_path: Path) -> None:
    """Some bytes of the headers, such as a time, mean nothing: those may be other ones."""
    content, wrong = bytearray(backup.read_bytes()), tmp_path / "wrong.backup"
    refused = 0
    for place in [*range(30), *range(len(content) - 220, len(content))]:
        for value in (0, 0xFF, content[place] ^ 1):
            wrong.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                check(wrong)
            except (BackupError, OSError):
                refused += 1
    assert refused > 200


@pytest.mark.slow
def test_a_changed_database_with_a_valid_archive_is_refused(forge: Callable[..., Path], backup: Path) -> None:
    with zipfile.ZipFile(backup) as archive:
        dump, signed = archive.read(create.DUMP_NAME), archive.read(create.MANIFEST_NAME)
    check(forge())
    with pytest.raises(CommandError, match="The database in the file was changed or damaged: use another backup"):
        call_command("restore", str(forge(dump=dump + b"x")), "--check")
    with pytest.raises(CommandError, match="The manifest of this backup was changed"):
        call_command(
            "restore", str(forge(manifest=signed.replace(b'"version":"0.1.0"', b'"version":"0.1.1"'))), "--check"
        )
    with pytest.raises(CommandError, match="is not a backup of Loket"):
        call_command("restore", str(forge(zipfile.ZIP_DEFLATED)), "--check")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, "made by another release"),
        ({"signature": "é" * 64}, "is damaged"),
        ({"signature": 1}, "is damaged"),
        ({"key_fingerprints": [1]}, "is damaged"),
        ({"key_fingerprints": ["\x1b]0;title\x07"]}, "is damaged"),
        ({"key_fingerprints": ["0123abcd"]}, "needs the encryption key with fingerprint 0123abcd"),
        ({"version": "\ud800"}, "is damaged"),
        ({"dump_bytes": float("nan")}, "is damaged"),
        ({"state": []}, "was changed"),
    ],
)
def test_a_forged_manifest_is_refused(
    change: dict[str, object], message: str, forge: Callable[..., Path], backup: Path
) -> None:
    with zipfile.ZipFile(backup) as archive:
        content = json.loads(archive.read(create.MANIFEST_NAME))
    with pytest.raises(CommandError, match=message) as refused:
        call_command("restore", str(forge(manifest=json.dumps(content | change).encode())), "--check")
    assert str(refused.value).isprintable()


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 200_000, b"\xff", b"1"])
def test_a_manifest_that_is_none_is_refused(data: bytes, forge: Callable[..., Path]) -> None:
    with pytest.raises(CommandError, match="is damaged"):
        call_command("restore", str(forge(manifest=data)), "--check")


@pytest.mark.slow
def test_half_a_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.backup"
    half.write_bytes(backup.read_bytes()[:-3000])
    for path, message in ((half, "an incomplete backup"), (tmp_path / "none", "No such file")):
        with pytest.raises(CommandError, match=message):
            call_command("restore", str(path))


def test_what_cannot_be_written_leaves_nothing(alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "loket.backup"
    path.write_text("precious")
    with pytest.raises(CommandError, match=r"No backup was made\. .* exists already"):
        back_up(path)
    assert path.read_text() == "precious"
    failing = write_tool(
        tmp_path / "pg_dump",
        "echo half\necho 'pg_dump: error: invalid value: \"Jan\"' >&2\necho 'DETAIL: a row' >&2\nexit 1",
    )
    monkeypatch.setattr(tools, "find_tool", lambda *_arguments: failing)
    with pytest.raises(CommandError, match=r"No backup was made\. pg_dump failed: pg_dump: error: invalid value:$"):
        back_up(tmp_path / "other.backup")
    write_tool(
        failing, "echo 'pg_dump: error: connection to server at \"::1\", port 5432 failed: FATAL: no' >&2\nexit 1"
    )
    with pytest.raises(CommandError, match=r'connection to server at "::1", port 5432 failed: FATAL: no$'):
        back_up(tmp_path / "other.backup")
    assert sorted(os.listdir(tmp_path)) == ["loket.backup", "pg_dump"]
    with pytest.raises(CommandError, match=r"No backup was made\. .* No such file"):
        back_up(tmp_path / "not" / "there.backup")


@pytest.mark.slow
def test_a_file_that_appears_meanwhile_is_not_replaced(
    alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write_dump = tmp_path / "loket.backup", create._write_dump

    def be_overtaken(*arguments: Any) -> tuple[int, str]:
        path.write_text("precious")
        (draft,) = tmp_path.glob(DRAFTS)
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
        return write_dump(*arguments)

    monkeypatch.setattr(create, "_write_dump", be_overtaken)
    with pytest.raises(CommandError, match=r"No backup was made\. .* exists already"):
        back_up(path)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == [path.name]


def test_an_incomplete_backup_is_named_and_not_written_to(
    alice: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there may be of another user, who would read the backup, or a link to another file."""
    draft = tmp_path / "loket-backup-abc.partial"
    draft.write_text("of another user")
    back_up(tmp_path / "loket.backup")
    assert f"{draft} is an incomplete backup: remove it, unless another one is being made." in capsys.readouterr().err
    assert draft.read_text() == "of another user"
    check(tmp_path / "loket.backup")
    assert sorted(os.listdir(tmp_path)) == [draft.name, "loket.backup"]


def test_a_folder_gets_a_file_named_after_the_moment(alice: User, tmp_path: Path) -> None:
    back_up(tmp_path)
    (name,) = os.listdir(tmp_path)
    assert Path(name).match("loket-20??????T??????Z.backup")


@pytest.mark.slow
def test_without_a_database_it_says_so(backup: Path, unavailable_database: None, tmp_path: Path) -> None:
    for arguments in (["backup", str(tmp_path / "other.backup")], ["restore", str(backup)]):
        with pytest.raises(CommandError, match="connect") as refused:
            call_command(*arguments)
        assert "\n" not in str(refused.value)
    assert list(tmp_path.glob(DRAFTS)) == []


def test_tools_connect_as_the_application_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {
        "sslmode": "verify-full", "channel_binding": "require", "gssencmode": "disable", "sslcrl": "/etc/revoked.pem",
        "target_session_attrs": "read-write", "connect_timeout": 3, "sslpassword": SECRET, "pool": {"min_size": 1},
    }  # fmt: skip
    here = connection.settings_dict
    monkeypatch.setitem(here, "OPTIONS", options)
    monkeypatch.setitem(here, "PASSWORD", SECRET)
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/roots.pem")
    tool = write_tool(tmp_path / "pg_dump", 'printf "%s\\n" "$@" "$PGPASSWORD" "$PGSSLROOTCERT"')
    dbname, conninfo, *others = b"".join(tools.read_output(tool, "--verbose")).decode().splitlines()
    assert (dbname, others) == ("--dbname", ["--no-password", "--verbose", SECRET, "/etc/roots.pem"])
    where = {"host": str(here["HOST"]), "port": here["PORT"], "user": here["USER"], "dbname": here["NAME"]}
    expected = {name: str(value) for name, value in options.items() if name not in ("sslpassword", "pool")}
    assert conninfo_to_dict(conninfo) == where | expected


def test_tools_that_are_missing_or_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    present = [
        write_tool(tmp_path / f"pg_dump{major}", f"echo 'pg_dump (PostgreSQL) {major}.3 (Debian)'")
        for major in (19, 15, 18)
    ]
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
