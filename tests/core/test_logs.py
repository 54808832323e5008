"""Logs: one correlation ID from request to message, worker and event, and no names, addresses or numbers."""

import json
import logging
import logging.config
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

import invitations.actions
from accounts.models import User
from audit.models import Event, Verb
from core import logs
from core.periodic_jobs import PeriodicJob
from invitations.models import Invitation
from outbox import worker
from outbox.models import Message
from outbox.worker import Worker
from tests.helpers.invited_users import DETAILS, NUMBER, Invited, invite, token_of
from tests.helpers.servers import MailServer, SmsGateway
from tests.helpers.users import PASSWORD
from tests.outbox.test_worker import wait_until

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The log lines as written."""
    formatter = logging.config.DictConfigurator(logs.LOGGING).configure_formatter(
        dict(logs.LOGGING["formatters"]["json"])
    )
    caplog.set_level(logging.INFO)
    # The servers of the tests write lines of their own.
    return lambda: [json.loads(formatter.format(one)) for one in caplog.records if one.name.startswith("loket.")]


@pytest.mark.slow
@pytest.mark.django_db
def test_one_id_leads_from_request_to_message_worker_and_event(
    alice: User, mail_server: MailServer, sms_gateway: SmsGateway, lines: Lines
) -> None:
    invited = invite(alice)
    worker.send_due_messages()
    response = invited.post("send_code")
    message, event = Message.objects.get(kind="code"), Event.objects.get(verb=Verb.CODE_SENT)
    assert worker.send_due_messages() == 1
    (sent,) = [line for line in lines() if line["event"] == "message" and line["kind"] == "code"]
    assert sent["id"] == str(message.pk)
    ids = {response["X-Request-ID"], message.correlation_id, event.correlation_id, sent["correlation_id"]}
    assert len(ids) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_job_has_an_id_of_its_own_for_every_run(alice: User, lines: Lines) -> None:
    invited = [invite(alice).invitation, invite(alice, email="q@devries.example").invitation]
    seen: list[str] = []

    def job() -> None:
        Invitation.objects.filter(pk=invited[len(seen)].pk).update(expires_at=timezone.now() - timedelta(days=1))
        invitations.actions.expire_due_invitations()
        seen.append(Event.objects.filter(verb=Verb.INVITATION_EXPIRED).latest("at").correlation_id)

    found = Worker([PeriodicJob(job, every=3600), PeriodicJob(lambda: len(seen) == 1 and job(), every=0.1)])
    found.start()
    try:
        wait_until(lambda: len(seen) == 2)
    finally:
        found.stop()
    assert "" not in seen
    assert len(set(seen)) == 2


@pytest.mark.slow
@pytest.mark.django_db
def test_they_contain_no_personal_data(
    alice_client: Client, alice: User, mail_server: MailServer, sms_gateway: SmsGateway, lines: Lines
) -> None:
    token = played(alice_client, alice)
    written = lines()
    text = json.dumps(written, ensure_ascii=False).lower()
    assert {"request", "message"} <= {line["event"] for line in written}
    assert len(written) > 10
    someone = Invitation.objects.get().user
    told = {
        "name": DETAILS["last_name"], "address": DETAILS["email"], "user's name": someone.username,
        "administrator": alice.username, "her name": alice.last_name, "her address": alice.email,
        "number": NUMBER[3:], "password": PASSWORD, "token": token, "network": "203.0.113.77", "wrong": "geheim-9",
    }  # fmt: skip
    assert {what for what, value in told.items() if value.lower() in text} == set()
    allowed = {
        "event", "level", "logger", "timestamp", "correlation_id", "method", "route", "status", "ms", "id", "kind",
        "channel", "state", "attempt",
    }  # fmt: skip
    assert {name for line in written for name in line} <= allowed


def played(alice_client: Client, alice: User) -> str:
    """Run an invitation and some sign-ins; return the token of the link."""
    alice_client.get("/gebruikers/?q=Boer")
    invited: Invited = invite(alice)
    token = token_of(invited.invitation)
    invited.post("send_code")
    code = invited.last_code()
    assert worker.send_due_messages() == 2
    invited.post("enter_code", code="000000" if code != "000000" else "111111")
    invited.post("enter_code", code=code)
    choice = {"username": "p.kiest-zelf", "password": PASSWORD, "password_again": PASSWORD}
    assert invited.post("create_account", **choice).status_code == 302
    stranger = Client(REMOTE_ADDR="203.0.113.77")
    stranger.get(f"/uitnodiging/{token}/")
    for username, password in (("alice", "geheim-9"), ("nobody-of-that-name", "geheim-9"), ("p.kiest-zelf", PASSWORD)):
        stranger.post("/inloggen/", {"username": username, "password": password})
    stranger.get("/geheim-9/")
    return token
