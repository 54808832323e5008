"""/healthz, /readyz and /metrics for the operator's monitoring."""

import json
import re
import shutil
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

import audit.chain
import authentication.actions
import outbox.actions
from accounts.models import User
from core.ids import uuid7
from core.models import WorkerHeartbeat
from monitoring import health
from outbox.models import Message
from outbox.worker import Worker
from tests.core.test_db_availability import terminate_sleeping_backends
from tests.helpers.demo_process import ROOT
from tests.helpers.users import actor
from tests.loket.test_docs import OPERATING
from tests.outbox.test_sending import queue_mail
from tests.outbox.test_worker import wait_until

TOKEN = "t" * 43


def metrics(client: Client) -> dict[str, float]:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    lines = (line for line in response.content.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture
def measured(settings: Any, tmp_path: Path) -> None:
    settings.LOKET_METRICS_TOKEN, settings.LOKET_METRICS_DIR = TOKEN, tmp_path


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db
def test_probes_answer_for_any_host_without_tls(settings: Any, client: Client, path: str) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["loket.example"], True
    outbox.actions.record_heartbeat(uuid7())
    response = client.get(path, headers={"Host": "10.1.2.3:8000"})
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert client.post(path).status_code == 405
    assert not response.cookies


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_what_came_through_a_proxy_gets_no_probe(client: Client, measured: None, path: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "198.51.100.1"}
    assert client.get(path, headers=headers).status_code == 404


def test_alive_asks_the_database_nothing(client: Client) -> None:
    assert client.get("/healthz").json() == {"alive": True}  # without the mark: a query would be refused
    assert json.loads((ROOT / "loket" / "healthz" / "alive.json").read_text()) == {"alive": True}


@pytest.mark.django_db
def test_ready_when_everything_works(client: Client) -> None:
    outbox.actions.record_heartbeat(uuid7())
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {"ready": True, "database": "ok", "migrations": "ok", "worker": "ok", "outbox": "ok", "jobs": "ok"},
    )


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.django_db(transaction=True)
def test_the_commands_of_the_guide_work_as_printed(live_server: LiveServer, measured: None) -> None:
    outbox.actions.record_heartbeat(uuid7())
    commands = re.findall(r"(?:printf [^|`\n]*\| )?curl -[^`\n]*", OPERATING)
    assert len(commands) == 3
    for command in commands:
        here = command.replace("http://127.0.0.1:8000", live_server.url)
        environment = {"LOKET_METRICS_TOKEN": TOKEN}
        subprocess.run(["bash", "-ec", here], env=environment, capture_output=True, check=True, timeout=30)


@pytest.mark.django_db
def test_readiness_names_the_failing_component(client: Client) -> None:
    def wrong() -> dict[str, str]:
        response = client.get("/readyz")
        assert (response.status_code, response.json()["ready"]) == (503, False)
        return {name: text for name, text in response.json().items() if text not in ("ok", False)}

    assert wrong() == {"worker": "never seen"}
    outbox.actions.record_heartbeat(uuid7())
    WorkerHeartbeat.objects.update(at=timezone.now() - health.WORKER_SILENT_AFTER - timedelta(days=1, seconds=9))
    assert re.fullmatch(r"not seen for 865\d\d seconds", wrong()["worker"])
    outbox.actions.record_heartbeat(uuid7())
    Message.objects.filter(pk=queue_mail().pk).update(
        due=timezone.now() - health.MESSAGE_LATE_AFTER - timedelta(seconds=3)
    )
    assert re.fullmatch(r"a message has waited for 30\d seconds", wrong()["outbox"])
    Message.objects.update(due=timezone.now() - health.MESSAGE_LATE_AFTER + timedelta(seconds=30))
    MigrationRecorder.Migration.objects.filter(app="outbox", name="0001_initial").delete()
    assert wrong() == {"migrations": "1 not applied"}


@pytest.mark.django_db
def test_a_migration_of_the_next_release_does_no_harm(client: Client) -> None:
    outbox.actions.record_heartbeat(uuid7())
    MigrationRecorder(connection).record_applied("outbox", "9999_of_the_next_release")
    assert client.get("/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_without_a_database_it_is_alive_and_not_ready(
    client: Client, unavailable_database: None, measured: None
) -> None:
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        503,
        {
            "ready": False,
            "database": "does not answer",
            "migrations": "not known",
            "worker": "not known",
            "outbox": "not known",
            "jobs": "not known",
        },
    )
    assert metrics(client) == {"loket_requests_counted": 0.0, "loket_database_up": 0.0}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_ready_is_answered_within_a_second_whatever_hangs(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        return health.STATUS_OK

    monkeypatch.setattr(health, "_check_migrations", hang)
    started = time.monotonic()
    response = client.get("/readyz")
    assert time.monotonic() - started < 1
    assert response.status_code == 503
    assert response.json()["migrations"] == "not known"
    terminate_sleeping_backends()


@pytest.mark.django_db
def test_a_read_only_database_is_not_ready(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    assert client.get("/readyz").json()["database"] == "read only"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_is_seen() -> None:
    assert health.get_worker_last_seen() is None
    worker = Worker()
    worker.start()
    try:
        wait_until(lambda: health.get_worker_last_seen() is not None)
    finally:
        worker.stop()


@pytest.mark.django_db
def test_a_worker_that_is_long_gone_is_forgotten() -> None:
    for moment in (timezone.now() - timedelta(days=2), timezone.now() - timedelta(hours=2)):
        WorkerHeartbeat.objects.create(at=moment)
    outbox.actions.record_heartbeat(uuid7())
    assert WorkerHeartbeat.objects.count() == 2


@pytest.mark.django_db
def test_metrics_are_not_open_to_the_world(client: Client, settings: Any, tmp_path: Path) -> None:
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    settings.LOKET_METRICS_TOKEN, settings.LOKET_METRICS_DIR = TOKEN, tmp_path
    for wrong in ("", TOKEN, "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"):
        response = client.get("/metrics", headers={"Authorization": wrong})
        assert (response.status_code, response.content) == (401, b""), wrong


@pytest.mark.django_db
def test_metrics_tell_what_the_database_knows(client: Client, measured: None, alice: User) -> None:
    before = metrics(client)
    assert before["loket_workers"] == 0
    assert before["loket_outbox_oldest_due_seconds"] == 0
    outbox.actions.record_heartbeat(uuid7())
    for state in (Message.State.SENT, Message.State.SENT, Message.State.BOUNCED):
        Message.objects.filter(pk=queue_mail().pk).update(state=state, encrypted_body=None)
    Message.objects.filter(pk=queue_mail().pk).update(due=timezone.now() - timedelta(seconds=100))
    authentication.actions.record_failed_sign_in(alice, "wrong_password", by=actor(alice))
    now = metrics(client)
    assert now["loket_database_up"] == 1
    assert now["loket_workers"] == 1
    assert 100 <= now["loket_outbox_oldest_due_seconds"] < 110
    assert now['loket_outbox_waiting{channel="mail"}'] == 1
    assert now['loket_messages_last_hour{state="sent"}'] == 2
    assert now['loket_messages_last_hour{state="bounced"}'] == 1
    assert now['loket_sign_ins_last_hour{result="refused"}'] == 1
    assert now['loket_sign_ins_last_hour{result="let in"}'] == 0
    assert 0 < now["loket_chain_waiting_seconds"] < 10
    audit.chain.append_all_pending()
    after = metrics(client)
    assert after["loket_chain_waiting_seconds"] == 0
    assert 0 < after["loket_chain_head_age_seconds"] < 10


@pytest.mark.django_db
def test_metrics_ask_a_fixed_number_of_queries(client: Client, measured: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(10):
        metrics(client)
