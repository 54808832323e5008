"""Retention settings of an office, the button that erases, and checkpoints sent to the office's addresses."""

import json
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import history.checkpoint_emails
from accounts.models import Provider, User
from audit import checkpoints, verify
from audit.models import Checkpoint, Event, Verb
from outbox.models import Message
from tests.helpers.users import letter

pytestmark = pytest.mark.django_db
URL = "/kantoor/historie/"


def erase_url(user: User) -> str:
    return f"/gebruikers/{user.pk}/wissen/"


@pytest.fixture
def gone(bob: User) -> User:
    """Bob, blocked long ago."""
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now() - timedelta(days=1000))
    return bob


def test_settings_are_saved(alice_client: Client, office: Provider) -> None:
    typed = {"erase_after_months": "36", "checkpoint_addresses": " a@x.example\r\nb@x.example\r\na@x.example "}
    assert alice_client.post(URL, typed).status_code == 302
    office.refresh_from_db()
    assert (office.erase_after_months, office.checkpoint_addresses) == (36, "a@x.example\nb@x.example")
    assert Event.objects.get(verb=Verb.PROVIDER_CHANGED).changes["erase_after_months"] == [24, 36]
    alice_client.post(URL, typed)
    assert Event.objects.filter(verb=Verb.PROVIDER_CHANGED).count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        {"erase_after_months": "-1"}, {"erase_after_months": "121"}, {"erase_after_months": ""},
        {"checkpoint_addresses": "geen adres"}, {"checkpoint_addresses": " ".join(f"a{n}@x.example" for n in range(6))},
    ],
)  # fmt: skip
def test_invalid_settings_are_refused(alice_client: Client, office: Provider, typed: dict[str, str]) -> None:
    response = alice_client.post(URL, {"erase_after_months": "12", "checkpoint_addresses": ""} | typed)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Event.objects.exists()


def test_only_an_administrator(bob_client: Client, charlie_client: Client, gone: User, alice: User) -> None:
    User.objects.filter(pk=gone.pk).update(blocked_at=None)
    assert bob_client.get(URL).status_code == 403
    assert bob_client.post(erase_url(alice)).status_code == 403
    assert charlie_client.post(erase_url(gone)).status_code == 404
    assert User.objects.filter(pk=gone.pk).exists()


def test_erasure_is_confirmed_and_done(alice_client: Client, gone: User) -> None:
    page = alice_client.get(erase_url(gone)).text
    assert "B. Bakker wissen?" in page
    assert f"verwijderde gebruiker {str(gone.pk)[-4:].upper()}" in page
    assert User.objects.filter(pk=gone.pk).exists()
    assert alice_client.post(erase_url(gone)).status_code == 302
    assert not User.objects.filter(pk=gone.pk).exists()
    assert alice_client.post(erase_url(gone)).status_code == 404
    history = alice_client.get("/historie/?view=lines").text
    assert f"A. de Vries wiste verwijderde gebruiker {str(gone.pk)[-4:].upper()} voorgoed." in history


def test_before_the_term_there_is_no_button(alice_client: Client, bob: User, alice: User) -> None:
    for _step in (alice_client.get, alice_client.post):
        response = _step(erase_url(bob))
        assert "Blokkeer het account eerst" in response.text
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now())
    assert "24 maanden" in alice_client.post(erase_url(bob)).text
    assert alice_client.post(erase_url(alice)).status_code == 403
    assert User.objects.filter(pk__in=[alice.pk, bob.pk]).count() == 2


def test_checkpoints_are_mailed_every_hour(alice_client: Client, office: Provider, bob: User) -> None:
    alice_client.post(URL, {"erase_after_months": "36", "checkpoint_addresses": "a@x.example b@x.example"})
    now = timezone.now()
    for minutes, mails in ((0, 2), (5, 2), (59, 2), (61, 2)):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            history.checkpoint_emails.sign_due_checkpoints()
        assert Message.objects.filter(kind="checkpoint").count() == mails, "nothing happened since"
    alice_client.post(URL, {"erase_after_months": "35", "checkpoint_addresses": "a@x.example"})
    with time_machine.travel(now + timedelta(minutes=62)):
        history.checkpoint_emails.sign_due_checkpoints()
    newest = Message.objects.filter(kind="checkpoint").order_by("-id")[0]
    assert Message.objects.filter(kind="checkpoint").count() == 3
    signed = json.loads(next(line for line in letter(newest).splitlines() if line.startswith("{")))
    assert signed == Checkpoint.objects.order_by("-sequence")[0].signed
    lines = b"".join(alice_client.get("/historie/export.jsonl")).splitlines(keepends=True)
    public = load_pem_public_key(checkpoints.get_public_key_pem())
    assert verify.verify_history(lines, [signed], public).startswith("intact")


def test_offices_without_new_events_take_no_queries(office: Provider) -> None:
    history.checkpoint_emails.sign_due_checkpoints()
    with CaptureQueriesContext(connection) as alone:
        history.checkpoint_emails.sign_due_checkpoints()
    for number in range(3):
        Provider.objects.create(name=f"Kantoor {number}")
    with CaptureQueriesContext(connection) as together:
        history.checkpoint_emails.sign_due_checkpoints()
    assert len(together) == len(alone)
