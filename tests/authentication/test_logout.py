"""Logging out."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from audit.models import Event, Verb

pytestmark = pytest.mark.django_db
URL = "/uitloggen/"


def test_logout_asks_and_changes_nothing(alice_client: Client) -> None:
    assert alice_client.get(URL).status_code == 200
    alice_client.head(URL)
    assert "_auth_user_id" in alice_client.session
    assert not Event.objects.exists()


def test_logout_logs_out(alice_client: Client, alice: User) -> None:
    assert alice_client.post(URL)["Location"] == "/inloggen/"
    assert "_auth_user_id" not in alice_client.session
    assert not Session.objects.exists()
    event = Event.objects.get(verb=Verb.SIGNED_OUT)
    assert (event.actor_id, event.provider_id) == (alice.pk, alice.provider_id)
    assert alice_client.post(URL)["Location"] == "/inloggen/"  # logging out twice is allowed
    assert Event.objects.count() == 1


def test_logout_sends_a_stranger_to_the_login_page(client: Client) -> None:
    assert client.get(URL)["Location"] == "/inloggen/"


def test_logout_wants_the_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(URL).status_code == 403
    assert "_auth_user_id" in client.session
