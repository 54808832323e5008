"""The restore drill: a real database with its two roles is dumped and restored on another server.

The commands are those of docs/operating.md.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from core.embedded_postgres import server
from tests.helpers.demo_process import ROOT
from tests.helpers.servers import own_environment
from tests.monitoring.test_key_rotation import new_key

pytestmark = pytest.mark.slow

BEFORE = """
import json
from django.utils import timezone
from accounts.models import Provider
from audit import checkpoints, verify
from permissions.checks import Right
from tests.helpers.mfa import give_app
from tests.helpers.invited_users import invite
from tests.helpers.users import make_user
from oauth.models import SigningKey
office = Provider.objects.create(name="Kantoor", established_at=timezone.now())
alice = make_user(office, Right.MANAGE_PROVIDER, username="alice", email="alice@kantoor.example")
invited = invite(alice)
kept = {
    "token": invited.token, "secret": give_app(alice).hex(), "kid": SigningKey.objects.get_current().kid,
    "checkpoint": checkpoints.sign_current_head(office.pk), "public": checkpoints.get_public_key_pem().decode(),
}
print(json.dumps(kept))
"""
AFTER = """
import json, sys
import audit.chain, audit.export
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from accounts.models import User
from audit.models import Event
from invitations.models import Invitation
from outbox import worker
from authentication.mfa import actions as factors
from authentication.models import AuthenticatorApp
from tests.helpers.mfa import code_now, secret_of
from tests.helpers.invited_users import Invited, token_of
from tests.helpers.users import PASSWORD, actor
from oauth.models import SigningKey
kept = json.load(open(FILE))
invitation = Invitation.objects.get()
assert token_of(invitation) == kept["token"], "the letter waits, and is read"
invited = Invited(invitation, kept["token"], Client(SERVER_NAME="localhost"))
invited.client.get(f"/uitnodiging/{kept['token']}/")
invited.prove()
choice = {"username": "p.deboer", "password": PASSWORD, "password_again": PASSWORD}
response = invited.post("create_account", **choice)
assert response.status_code == 302, response.status_code
invitation.refresh_from_db()
assert invitation.state == "accepted"
alice = User.objects.get(username="alice")
assert secret_of(AuthenticatorApp.objects.get(user=alice)).hex() == kept["secret"]
assert SigningKey.objects.get_current().kid == kept["kid"] and SigningKey.objects.get_current().jwk.has_private
for statement in ("UPDATE audit_event SET verb = 'x'", "DELETE FROM audit_chainlink", "TRUNCATE audit_event"):
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except ProgrammingError as error:
        assert "permission denied" in str(error)
    else:
        raise AssertionError(statement)
audit.chain.append_all_pending()
sys.stdout.buffer.write(b"".join(audit.export.begin_export(alice.provider, by=actor(alice)).lines()))
"""


class Installation:
    """An installation: a database server in a folder, and the environment of its processes."""

    def __init__(self, folder: Path, keys: dict[str, str]) -> None:
        self.folder, self.data = folder, folder / "postgresql"
        self.socket = server.get_socket_dir(self.data)
        self.environment = own_environment(folder) | keys | {
            "DATABASE_URL": f"postgres://loket_app@{quote(self.socket, safe='')}/loket",
            "LOKET_OWNER_DATABASE_URL": f"postgres://loket@{quote(self.socket, safe='')}/loket",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def python(self, *arguments: str) -> str:
        """Return the output of `manage.py` with these arguments."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def tool(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's tools as the owner."""
        tool = str(server.get_binary_dir() / name)
        subprocess.run([tool, "-h", self.socket, "-U", "loket", "-d", "loket", *arguments], check=True)


@pytest.fixture
def installations() -> Iterator[tuple[Installation, Installation]]:
    """The old machine and its replacement, which has the same keys, stored elsewhere."""
    keys = {"LOKET_SECRET_KEY": "s" * 50, "LOKET_SEALING_KEYS": new_key(), "LOKET_CHECKPOINT_KEY": new_key()}
    folders = [Path(tempfile.mkdtemp(prefix="loket-restore-")) for _number in range(2)]
    try:
        found = [Installation(folder, keys) for folder in folders]
        for one in found:
            server.start_server(one.data)
        yield found[0], found[1]
    finally:
        for folder in folders:
            server.stop_server(folder / "postgresql")
            shutil.rmtree(folder)


def test_everything_lives_on_after_a_restore(installations: tuple[Installation, Installation], tmp_path: Path) -> None:
    old, new = installations
    old.python("migrate", "-v0")
    kept = old.python("shell", "-v0", "-c", BEFORE)
    dump, file = tmp_path / "loket.dump", tmp_path / "kept.json"
    file.write_text(kept)
    old.tool("pg_dump", "--format=custom", f"--file={dump}")
    server.stop_server(old.data)

    new.tool("pg_restore", "--exit-on-error", "--single-transaction", str(dump))
    new.python("migrate", "-v0")
    said = new.python("rotate_encryption_key", "--check")
    assert "audit_userencryptionkey.encrypted_key: 2, 0 with an older key, 0 unreadable" in said
    export = tmp_path / "export.jsonl"
    export.write_text(new.python("shell", "-v0", "-c", f"FILE = {str(file)!r}\n{AFTER}"))
    verdict = verified(tmp_path, json.loads(kept), export)
    assert verdict.returncode == 0, verdict.stdout
    assert verdict.stdout.startswith("intact")
    events = [json.loads(line)["event"] for line in export.read_text().splitlines() if '"event"' in line]
    assert json.loads(kept)["checkpoint"]["sequence"] < len(events), "the chain went on where it was"
    assert {"user_invited", "invitation_accepted"} & {event["verb"] for event in events}


def verified(folder: Path, kept: dict[str, object], export: Path) -> subprocess.CompletedProcess[str]:
    """Return the output of the auditor's program, with the checkpoint from before."""
    (folder / "checkpoint.json").write_text(
        json.dumps(kept["checkpoint"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    )
    (folder / "public.pem").write_text(str(kept["public"]))
    program = shutil.copy(ROOT / "audit" / "verify.py", folder)
    return subprocess.run(
        [sys.executable, program, export, folder / "checkpoint.json", folder / "public.pem"],
        cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_restore_without_the_sealing_keys_is_noticed(installations: tuple[Installation, Installation]) -> None:
    old, _new = installations
    old.python("migrate", "-v0")
    old.python("shell", "-v0", "-c", BEFORE)
    old.environment["LOKET_SEALING_KEYS"] = new_key()
    with pytest.raises(AssertionError, match="a key is missing in LOKET_SEALING_KEYS"):
        old.python("rotate_encryption_key", "--check")
