"""The worker: its threads, its jobs, its stopping."""

import os
import signal
import subprocess
import sys
import threading
import time
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
from loket import database
from outbox import worker
from outbox.models import Message
from outbox.worker import Job, Worker
from tests.servers import MailServer, SmsGateway, own_environment
from tests.test_outbox_sending import fresh, queue_mail, queue_sms


@contextmanager
def running(*jobs: Job) -> Iterator[Worker]:
    found = Worker(jobs)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it took too long"
        time.sleep(0.01)
    return time.monotonic() - started


def is_sent(message: Message) -> bool:
    return fresh(message).state == Message.State.SENT


@pytest.mark.django_db(transaction=True)
def test_it_sends_an_sms_at_once_however_slow_mail_is(mail_server: MailServer, sms_gateway: SmsGateway) -> None:
    mail_server.behaviour, mail_server.seconds = "slow", 1.0
    with running():
        mails = [queue_mail() for _number in range(4)]
        time.sleep(0.1)
        sms = queue_sms()
        assert wait_until(lambda: is_sent(sms)) < 0.8
        assert not any(is_sent(mail) for mail in mails)
        wait_until(lambda: all(is_sent(mail) for mail in mails))
    assert len(mail_server.mails) == 4


@pytest.mark.django_db(transaction=True)
def test_it_is_woken_and_does_not_wait_for_its_round(mail_server: MailServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(worker, "POLL", 30)
    found = Worker()
    found.start()
    try:
        time.sleep(0.5)
        message = queue_mail()
        assert wait_until(lambda: is_sent(message)) < 1
    finally:
        with connection.cursor() as cursor:
            found._stop.set()
            cursor.execute(f"NOTIFY {outbox.actions.WAKE}")
        found.stop()


@pytest.mark.django_db(transaction=True)
def test_it_sends_once_with_two_workers(mail_server: MailServer) -> None:
    messages = [queue_mail() for _number in range(30)]
    with running(), running():
        wait_until(lambda: all(is_sent(message) for message in messages))
    assert len(mail_server.mails) == 30


@pytest.mark.django_db(transaction=True)
def test_it_goes_on_when_the_database_hangs_up(mail_server: MailServer) -> None:
    with running():
        time.sleep(0.3)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        message = queue_mail()
        wait_until(lambda: is_sent(message))


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_a_sending_when_a_message_is_taken_back(mail_server: MailServer) -> None:
    mail_server.behaviour, mail_server.seconds = "slow", 0.5
    with running():
        message = queue_mail()
        wait_until(lambda: fresh(message).attempts == 1)
        time.sleep(0.1)
        assert not outbox.actions.cancel(message)
    assert is_sent(message)


@pytest.mark.django_db(transaction=True)
def test_it_runs_its_jobs_in_their_time_whatever_one_does() -> None:
    runs: list[float] = []

    def failing() -> None:
        raise ValueError("p.deboer@devries.example")

    with running(Job(failing, every=60), Job(lambda: runs.append(time.monotonic()), every=0.2)):
        time.sleep(1.9)
    assert 3 <= len(runs) <= 5  # the fault costs the first second
    with running(Job(lambda: runs.append(0), every=60)):
        time.sleep(0.1)
    assert runs[-1] == 0


@pytest.mark.django_db(transaction=True)
def test_it_leaves_no_thread(mail_server: MailServer) -> None:
    before = threading.active_count()
    with running():
        assert threading.active_count() == before + len(worker.THREADS) + 2
    assert threading.active_count() == before


@pytest.mark.django_db
def test_it_does_what_is_due_and_stops(mail_server: MailServer) -> None:
    messages = [queue_mail(), queue_mail()]
    call_command("worker", once=True)
    assert all(is_sent(message) for message in messages)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_a_second(number: int, tmp_path: Path) -> None:
    environment, folder = own_environment(tmp_path), tmp_path / "postgresql"
    database.start(folder)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=django_settings.BASE_DIR,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        host, port = database.socket_dir(folder), database.PORT
        with psycopg.connect(host=host, port=port, user="loket", dbname="loket", autocommit=True) as asking:
            listens = "SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN outbox'"
            wait_until(lambda: asking.execute(listens).fetchone() is not None, seconds=20)
        started = time.monotonic()
        os.kill(process.pid, number)
        assert process.wait(timeout=5) == 0
        assert time.monotonic() - started < 1
    finally:
        process.kill()
        process.wait()
        database.stop(folder)
