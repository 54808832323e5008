"""The worker: its threads, jobs and shutdown."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection

import outbox.actions
from core.embedded_postgres import server
from core.periodic_jobs import PeriodicJob
from outbox import worker
from outbox.models import Message
from outbox.worker import Worker
from tests.helpers.servers import MailServer, SmsGateway, own_environment
from tests.outbox.test_sending import fresh, queue_mail, queue_sms

LONG = 30.0  # seconds, after which something never happens; nothing here takes that long on a busy machine either


@contextmanager
def running(*jobs: PeriodicJob) -> Iterator[Worker]:
    found = Worker(jobs)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def wait_until(condition: Callable[[], bool], seconds: float = LONG) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def is_sent(message: Message) -> bool:
    return fresh(message).state == Message.State.SENT


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_sms_does_not_wait_for_slow_mail(mail_server: MailServer, sms_gateway: SmsGateway, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 10 * LONG
    mail_server.behaviour = "hold"
    mails = [queue_mail() for _number in range(4)]
    with running():
        try:
            wait_until(lambda: mail_server.held == worker.MAIL_SENDERS // 2)
            sms = queue_sms()
            wait_until(lambda: is_sent(sms))
            assert not any(is_sent(mail) for mail in mails)
        finally:
            mail_server.behaviour = "accept"
        wait_until(lambda: all(is_sent(mail) for mail in mails))
    assert len(mail_server.mails) == 4


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_four_sms_a_second_pass_a_gateway_of_five_seconds(sms_gateway: SmsGateway) -> None:
    sms_gateway.seconds = 5.0
    messages = [queue_sms(to=f"+316123456{number:02}") for number in range(40)]
    start = time.monotonic()
    with running():
        wait_until(lambda: all(is_sent(message) for message in messages))
        took = time.monotonic() - start
    assert sms_gateway.at_once == worker.MAX_CONCURRENT_SMS // 2, "the share of one office"
    assert len(messages) / took >= 3.5
    assert sorted(sms_gateway.keys) == sorted(str(message.pk) for message in messages)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_notification_wakes_the_worker(mail_server: MailServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 3 * LONG)
    found = Worker()
    found.start()
    try:
        time.sleep(0.5)  # by now it has polled once and found nothing
        message = queue_mail()
        wait_until(lambda: is_sent(message))
    finally:
        with connection.cursor() as cursor:
            found._stop.set()
            cursor.execute(f"NOTIFY {outbox.actions.WAKE_CHANNEL}")
        found.stop()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_send_a_message_once(mail_server: MailServer) -> None:
    messages = [queue_mail() for _number in range(30)]
    with running(), running():
        wait_until(lambda: all(is_sent(message) for message in messages))
    assert len(mail_server.mails) == 30


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_worker_survives_a_lost_connection(mail_server: MailServer) -> None:
    with running():
        time.sleep(0.3)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        message = queue_mail()
        wait_until(lambda: is_sent(message))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_cancel_waits_for_a_delivery_in_progress(mail_server: MailServer, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 10 * LONG
    mail_server.behaviour = "hold"
    message = queue_mail()
    with running():
        wait_until(lambda: mail_server.held == 1)
        release = threading.Timer(0.3, lambda: setattr(mail_server, "behaviour", "accept"))
        release.start()
        assert not outbox.actions.cancel_message(message)
        release.join()
    assert is_sent(message)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_slow_job_does_not_delay_other_jobs() -> None:
    runs: Counter[str] = Counter()

    def failing() -> None:
        runs["failing"] += 1
        raise ValueError("p.deboer@devries.example")

    often, seldom = (
        PeriodicJob(lambda: runs.update(["often"]), every=0.1),
        PeriodicJob(lambda: runs.update(["seldom"]), every=10 * LONG),
    )
    with running(PeriodicJob(failing, every=10 * LONG), often, seldom):
        wait_until(lambda: runs["often"] >= 4)
    assert (runs["failing"], runs["seldom"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_stopped_worker_leaves_no_thread(mail_server: MailServer) -> None:
    before = threading.active_count()
    with running():
        assert threading.active_count() == before + worker.MAIL_SENDERS + 3  # SMS, listening, the heartbeat
    assert threading.active_count() == before


@pytest.mark.django_db
def test_worker_once_sends_due_messages_and_stops(mail_server: MailServer) -> None:
    messages = [queue_mail(), queue_mail()]
    call_command("worker", once=True)
    assert all(is_sent(message) for message in messages)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worker_stops_on_a_signal(number: int, tmp_path: Path) -> None:
    environment, folder = own_environment(tmp_path), tmp_path / "postgresql"
    server.start_server(folder)
    said = tmp_path / "said"
    with said.open("wb") as errors:
        command = [sys.executable, "-X", "faulthandler", "manage.py", "worker"]
        process = subprocess.Popen(command, cwd=django_settings.BASE_DIR, env=environment, stderr=errors)
    try:
        host, port = server.get_socket_dir(folder), server.SERVER_PORT
        with psycopg.connect(
            host=host, port=port, user=server.APPLICATION_ROLE, dbname="loket", autocommit=True
        ) as asking:
            listens = "SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN outbox'"
            wait_until(lambda: asking.execute(listens).fetchone() is not None)
        os.kill(process.pid, number)
        wait_until(lambda: process.poll() is not None)
    except AssertionError:
        os.kill(process.pid, signal.SIGABRT)  # it prints the stack of each thread
        process.wait()
        pytest.fail(said.read_text()[-4000:])
    else:
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        server.stop_server(folder)
