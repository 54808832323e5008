"""Forgotten passwords: requesting a link, and the worker's e-mail."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.models import Event, Verb
from authentication import actions
from authentication.models import PasswordResetRequest, PasswordResetToken
from core import encryption
from outbox.models import Message
from tests.helpers import audit_events
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
URL = "/wachtwoord-vergeten/"
SENT = "/wachtwoord-vergeten/verstuurd/"


def ask(client: Client, email: str = "alice@devries.example") -> Any:
    return client.post(URL, {"email": email})


def bodies() -> list[dict[str, str]]:
    """The decrypted bodies of all queued e-mails."""
    return [
        json.loads(encryption.decrypt(bytes(message.encrypted_body), context=message.encryption_context))
        for message in Message.objects.order_by("id")
    ]


def test_forgotten_password_shows_the_form_and_changes_nothing(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(URL).status_code == 200
        assert client.get(SENT).status_code == 200
    assert len(queries) == 0


def test_forgotten_password_does_the_same_for_every_address(client: Client, alice: User) -> None:
    seen = []
    for email in ("alice@devries.example", "nobody@devries.example"):
        with CaptureQueriesContext(connection) as queries:
            response = ask(client, email)
        seen.append((response.status_code, response["Location"], [query["sql"][:40] for query in queries]))
    assert seen[0] == seen[1]
    assert seen[0][1] == SENT
    assert not Message.objects.exists()
    assert not Event.objects.exists()


def test_forgotten_password_stores_the_address_encrypted(client: Client, alice: User) -> None:
    ask(client)
    assert b"alice" not in bytes(PasswordResetRequest.objects.get().encrypted_email)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "alice",
        "alice@devries.example\x00",
        "x" * 300 + "@devries.example",
        "😀@devries.example",
        "<b>@x.nl",
        "a b@x.nl",
    ],
)
def test_forgotten_password_refuses_what_is_no_address(client: Client, email: str) -> None:
    response = ask(client, email)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["email"]
    assert not PasswordResetRequest.objects.exists()


def test_forgotten_password_refuses_a_huge_body_and_a_missing_token() -> None:
    assert ask(Client(), "x" * 1_000_000).status_code == 400
    assert ask(Client(enforce_csrf_checks=True)).status_code == 403


def test_forgotten_password_mails_a_link_for_one_hour(client: Client, alice: User) -> None:
    ask(client, "ALICE@devries.example")
    assert actions.process_reset_requests() == 1
    assert actions.process_reset_requests() == 0
    assert not PasswordResetRequest.objects.exists()
    reset, message, (body,) = PasswordResetToken.objects.get(), Message.objects.get(), bodies()
    assert (reset.user, reset.provider_id) == (alice, alice.provider_id)
    assert timedelta(minutes=59) < reset.expires_at - timezone.now() <= timedelta(minutes=60)
    assert (message.recipient, message.kind, message.expires_at) == (alice.email, "password_link", reset.expires_at)
    token = body["text"].split("/wachtwoord-vergeten/")[1].split("/")[0]
    assert encryption.hash_token(token) == reset.token_hash
    assert "alice" in body["text"]
    assert alice.provider.name in body["text"]
    assert alice.provider.name == body["sender_name"]
    event = Event.objects.get()
    assert (event.verb, event.target_id, event.provider_id) == (
        Verb.PASSWORD_LINK_SENT, alice.pk, alice.provider_id,
    )  # fmt: skip
    assert token not in audit_events.read_history_text() + str(list(Message.objects.values()))


def test_forgotten_password_mails_one_link_for_each_account_with_the_address(
    client: Client, alice: User, charlie: User
) -> None:
    charlie.email = "Alice@DeVries.example"
    charlie.save()
    ask(client)
    actions.process_reset_requests()
    assert {message.user_id for message in Message.objects.all()} == {alice.pk, charlie.pk}
    for message, body in zip(Message.objects.order_by("id"), bodies(), strict=True):
        other = charlie if message.user_id == alice.pk else alice
        assert other.provider.name not in str(body)


def test_forgotten_password_mails_only_those_who_use_the_login_page(client: Client, office: Provider) -> None:
    email = {"email": "alice@devries.example"}
    tenant = ExternalTenant.objects.create(provider=office, name="t", tenant_id=uuid4())
    make_user(office, username="service", login_method=LoginMethod.SSO_WEBSERVICE, **email)
    azure = {"external_tenant": tenant, "external_user_id": uuid4(), "password": "!"}
    make_user(office, username="azure", login_method=LoginMethod.AZURE_AD, **azure, **email)
    make_user(office, username="blocked", blocked_at=timezone.now(), **email)
    make_user(office, username="ended", access_until=timezone.localdate() - timedelta(days=1), **email)
    make_user(office, username=None, accepted_at=None, password="!", **email)
    last_day = make_user(office, username="last", access_until=timezone.localdate(), **email)
    ask(client)
    actions.process_reset_requests()
    assert [message.user_id for message in Message.objects.all()] == [last_day.pk]


def test_forgotten_password_answers_the_same_when_an_address_is_asked_for_too_often(alice: User) -> None:
    for number in range(6):
        assert ask(Client(REMOTE_ADDR=f"192.0.2.{number}"))["Location"] == SENT
    assert PasswordResetRequest.objects.count() == 3


def test_forgotten_password_stops_a_network_that_asks_too_often(client: Client, alice: User) -> None:
    for number in range(10):
        assert ask(client, f"name{number}@devries.example").status_code == 302
    response = ask(client)
    assert response.status_code == 429
    (error,) = response.context["form"].errors.as_data()["__all__"]
    assert error.code == "throttled"


def test_an_account_gets_three_mails_an_hour_whatever_the_spelling(alice: User) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        for _ in range(4):
            PasswordResetRequest.objects.all().delete()
            request = PasswordResetRequest()
            request.encrypted_email = encryption.encrypt(alice.email.encode(), context=request.encryption_context)
            request.save()
            actions.process_reset_requests()
        assert Message.objects.count() == 3
        clock.shift(timedelta(hours=1))
        ask(Client())
        actions.process_reset_requests()
        assert Message.objects.count() == 4


def test_a_request_that_cannot_be_read_does_not_stop_the_others(client: Client, alice: User) -> None:
    PasswordResetRequest.objects.create(encrypted_email=b"encrypted with a retired key")
    ask(client)
    assert actions.process_reset_requests() == 2
    assert Message.objects.count() == 1


def test_forgotten_password_handles_many_requests_in_batches(alice: User) -> None:
    PasswordResetRequest.objects.bulk_create(PasswordResetRequest(encrypted_email=b"") for _ in range(60))
    assert actions.process_reset_requests() == 50
    assert actions.process_reset_requests() == 10


def test_the_hourly_job_deletes_what_is_over(client: Client, alice: User) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        client.force_login(alice)
        ask(client)
        actions.process_reset_requests()
        PasswordResetRequest.objects.create(encrypted_email=b"")
        actions.delete_expired_data()
        assert counts() == [6, 1, 1, 1]
        clock.shift(timedelta(days=2))
        actions.delete_expired_data()
        assert counts() == [0, 0, 0, 0]


def counts() -> list[int]:
    from django.contrib.sessions.models import Session

    from core.models import Throttle

    return [model.objects.count() for model in (Throttle, PasswordResetRequest, PasswordResetToken, Session)]


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_mail_one_link_a_request(alice: User, bob: User) -> None:
    for user in (alice, bob):
        request = PasswordResetRequest()
        request.encrypted_email = encryption.encrypt(user.email.encode(), context=request.encryption_context)
        request.save()

    def work(_: int) -> int:
        try:
            return actions.process_reset_requests()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 2
    assert {message.user_id for message in Message.objects.all()} == {alice.pk, bob.pk}
    assert Message.objects.count() == 2
