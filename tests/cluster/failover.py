"""The primary of a cluster is killed or cut off under load: nothing acknowledged is lost (`make test-cluster`)."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from core.processes import build_granian_arguments
from tests.cluster.load import Load, Results
from tests.cluster.nodes import ENTRANCE, PORT, Cluster, eventually
from tests.helpers.servers import MailServer, own_environment, running_mail_server
from tests.helpers.users import PASSWORD
from tests.monitoring.test_key_rotation import new_key
from tests.monitoring.test_metrics import wait_until_alive
from tests.outbox.test_killed_processes import Process, free_port

pytestmark = pytest.mark.slow

BEFORE, AFTER = 8, 12  # seconds of work before the failure, and after the site responds again
MAX_SECONDS = 30  # seconds until the site responds again
SET_UP = f"""
from accounts.models import Provider
from django.utils import timezone
from permissions.models import Team
from permissions.checks import Right
from tests.helpers.users import make_user
office = Provider.objects.create(name="Kantoor", established_at=timezone.now())
make_user(office, Right.MANAGE_PROVIDER, username="alice", email="alice@kantoor.example", last_name="Baas")
make_user(office, username="bob", email="bob@kantoor.example", last_name="Bakker")
print(Team.objects.create(provider=office, name="Loon").pk)
assert "{PASSWORD}"
"""
VERIFY = """
import audit.chain, audit.export
from accounts.models import User
from audit import checkpoints, verify
from audit.models import PendingEvent
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.helpers.users import actor
audit.chain.append_all_pending()
assert not PendingEvent.objects.exists()
alice = User.objects.get(username="alice")
lines = list(b"".join(audit.export.begin_export(alice.provider, by=actor(alice)).lines()).splitlines(keepends=True))
public = load_pem_public_key(checkpoints.get_public_key_pem())
print(verify.verify_history(lines, [checkpoints.sign_current_head(alice.provider_id)], public))
"""


class Site:
    """A web server and a worker connected to a cluster, with a mail server."""

    def __init__(self, folder: Path, cluster: Cluster, mail: MailServer) -> None:
        self.cluster, self.mail, self.port, self.log = cluster, mail, free_port(), folder / "loket.log"
        self.url = f"http://127.0.0.1:{self.port}"
        address = f"x@{ENTRANCE}:{PORT}/loket"
        self.environment = own_environment(folder / "data") | {
            "DATABASE_URL": f"postgres://loket_app:{address}", "LOKET_OWNER_DATABASE_URL": f"postgres://loket:{address}",
            "LOKET_SECRET_KEY": "s" * 50, "LOKET_SEALING_KEYS": new_key(), "LOKET_CHECKPOINT_KEY": new_key(),
            "LOKET_URL": f"http://localhost:{self.port}", "LOKET_SMS_PER_HOUR": "100000",
            "EMAIL_URL": f"smtp://127.0.0.1:{mail.port}",
        }  # fmt: skip

    def manage(self, *arguments: str) -> str:
        """Return the output of `manage.py`."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=django_settings.BASE_DIR, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def prepare(self) -> str:
        """Create roles, database and an office; return the ID of its team."""
        for query in (
            "CREATE ROLE loket LOGIN PASSWORD 'x'",
            "CREATE ROLE loket_app LOGIN PASSWORD 'x'",
            "CREATE DATABASE loket OWNER loket",
        ):
            self.cluster.ask(query)
        self.manage("migrate", "-v0")
        return self.manage("shell", "-v0", "-c", SET_UP).strip()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run web server and worker without restarting them."""
        processes = [
            Process(build_granian_arguments(self.port, workers=2), self.environment, self.log),
            Process(["manage.py", "worker"], self.environment, self.log),
        ]
        try:
            wait_until_alive(self.url)
            yield
            assert [process.process.poll() for process in processes] == [None, None]
        finally:
            for process in processes:
                process.kill()

    def has_sent_everything(self) -> bool:
        """Return whether no messages are waiting."""
        query = "SELECT count(*) FROM outbox_message WHERE state IN ('queued', 'deferred')"
        return self.cluster.ask(query, database="loket") == [(0,)]


@pytest.fixture
def site() -> Iterator[Site]:
    """A site connected to a cluster; everything is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="loket-cluster-", ignore_cleanup_errors=True) as name:
        cluster = Cluster(Path(name))
        try:
            for mail in running_mail_server():
                cluster.start()
                yield Site(Path(name), cluster, mail)
        finally:
            cluster.stop()
            if os.environ.get("LOKET_KEEP_LOGS"):
                subprocess.run(["cp", "-r", name, os.environ["LOKET_KEEP_LOGS"]], check=False)


@pytest.mark.parametrize("failure", ["kill", "cut"])
def test_nothing_acknowledged_is_lost(site: Site, failure: str) -> None:
    team = site.prepare()
    with site.running():
        load = Load(site.url, team)
        time.sleep(BEFORE)
        before, primary = len(load.results.acknowledged), site.cluster.primary()
        failed_at = time.monotonic()
        getattr(site.cluster, failure)(primary)
        eventually(
            lambda: _has_acknowledged_since(load.results, failed_at + 5),
            2 * MAX_SECONDS,
            "the site does not answer again",
        )
        time.sleep(AFTER)
        results = load.stop()
        eventually(site.has_sent_everything, 60, "messages are left")
        verdict = site.manage("shell", "-v0", "-c", VERIFY).strip()
    outage = results.longest_silence(failed_at - 1)
    print(f"\n{failure}: silence {outage:.1f} s, acknowledged {before} + {len(results.acknowledged) - before},")  # noqa: T201
    print(f"answers {dict(results.answers)}, unexpected {Counter(results.unexpected)}, {verdict.partition(', ')[0]}")  # noqa: T201
    assert site.cluster.primary() not in (0, primary)
    assert before > 10
    assert len(results.acknowledged) - before > 10
    assert results.answers["plain 503"] > 0
    assert results.unexpected == []
    assert outage < MAX_SECONDS
    assert_nothing_is_lost(site, results)
    assert verdict.startswith("intact")


def _has_acknowledged_since(results: Results, moment: float) -> bool:
    return any(at > moment for at in list(results.moments))


def assert_nothing_is_lost(site: Site, results: Results) -> None:
    """Compare the acknowledged changes with the database and the mail server."""
    events = {row[0] for row in site.cluster.ask("SELECT correlation_id FROM audit_event", database="loket")}
    assert [request_id for request_id in results.acknowledged if request_id not in events] == []
    query = "SELECT u.email, m.state FROM accounts_user u JOIN outbox_message m ON m.user_id = u.id"
    states = dict(site.cluster.ask(query, database="loket"))
    assert {states.get(email) for email in results.invited} == {"sent"}
    assert set(results.invited) <= set(site.mail.recipients)
    links = (
        "SELECT count(*), count(DISTINCT sequence), max(sequence) FROM audit_chainlink WHERE provider_id IS NOT NULL"
    )
    assert len(set(site.cluster.ask(links, database="loket")[0])) == 1, "a gap, or two in one place"
    logged = site.log.read_text()
    assert not re.search(r"Traceback|612345678:|@kantoor\.example", logged.replace("SMS +31612345678", ""))
