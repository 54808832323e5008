"""Changing one's own password."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts import passwords
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actors import Actor, EventOrigin
from audit.models import Event, Verb
from authentication import actions
from authentication.models import PasswordResetToken
from core import encryption
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from outbox.models import Message
from tests.helpers.responses import codes
from tests.helpers.users import PASSWORD, make_user

pytestmark = pytest.mark.django_db
URL = "/profiel/wachtwoord/"
NEW = "Regenboog-77"


def send(client: Client, current: str = PASSWORD, password: str = NEW, again: str | None = None) -> Any:
    fields = {"current_password": current, "password": password, "password_again": password if again is None else again}
    return client.post(URL, fields)


def unchanged(user: User) -> bool:
    user.refresh_from_db()
    return passwords.verify_password(PASSWORD, user.password)


def test_password_change_shows_the_form_and_changes_nothing(alice_client: Client, alice: User) -> None:
    assert alice_client.get(URL).status_code == 200
    alice_client.head(URL)
    assert unchanged(alice)
    assert not Event.objects.exists()


def test_a_stranger_is_sent_to_the_login_page(client: Client, alice: User) -> None:
    assert client.get(URL)["Location"] == "/inloggen/?next=%2Fprofiel%2Fwachtwoord%2F"
    assert send(client)["Location"] == "/inloggen/"


def test_other_kinds_have_no_such_page(office: Provider) -> None:
    tenant = ExternalTenant.objects.create(provider=office, name="t", tenant_id=uuid4())
    azure = make_user(
        office, username="azure", login_method=LoginMethod.AZURE_AD, external_tenant=tenant,
        external_user_id=uuid4(), password="!",
    )  # fmt: skip
    service = make_user(office, username="service", login_method=LoginMethod.SSO_WEBSERVICE)
    for user in (azure, service):
        client = Client()
        client.force_login(user)
        assert client.get(URL).status_code == 404
        assert send(client).status_code == 404
        with pytest.raises(actions.PasswordChangeNotAllowed):
            actions.change_password(
                user,
                password=NEW,
                by=Actor(origin=EventOrigin.PAGE, name="", user=user, proof=ReauthenticationLevel.FIVE_MINUTES),
            )
    assert unchanged(service)


def test_password_change_changes_the_password_and_ends_every_other_session(
    alice_client: Client, alice: User, charlie_client: Client
) -> None:
    elsewhere = Client()
    elsewhere.force_login(alice)
    PasswordResetToken.objects.create(
        provider=alice.provider, user=alice, token_hash=encryption.hash_token("x"),
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    key = alice_client.session.session_key
    response = send(alice_client)
    assert (response.status_code, response["Location"]) == (302, "/profiel/")
    alice.refresh_from_db()
    assert passwords.verify_password(NEW, alice.password)
    assert alice.session_version == 2
    assert alice_client.get(URL).status_code == 200
    assert alice_client.session.session_key != key
    assert elsewhere.get(URL).status_code == 302
    assert charlie_client.get(URL).status_code == 200
    assert not PasswordResetToken.objects.exists()
    assert Message.objects.get().kind == "password_changed"
    event = Event.objects.get()
    assert (event.verb, event.actor_id, event.changes) == (Verb.PASSWORD_CHANGED, alice.pk, {})


@pytest.mark.parametrize(
    ("current", "password", "again", "field", "code"),
    [
        ("", NEW, NEW, "current_password", "required"),
        ("Verkeerd-1", NEW, NEW, "current_password", "wrong"),
        (PASSWORD + " ", NEW, NEW, "current_password", "wrong"),
        (PASSWORD + "\x00", NEW, NEW, "current_password", "null_characters_not_allowed"),
        ("x" * 100_000, NEW, NEW, "current_password", "max_length"),
        (PASSWORD, "", "", "password", "required"),
        (PASSWORD, "kort", "kort", "password", "length"),
        (PASSWORD, "alice-A1", "alice-A1", "password", "similar"),
        (PASSWORD, "Welkom2026!", "Welkom2026!", "password", "common"),
        (PASSWORD, "Vries-2026!!", "Vries-2026!!", "password", "personal"),
        (PASSWORD, NEW + "\x00", NEW + "\x00", "password", "null_characters_not_allowed"),
        (PASSWORD, "Aa1" * 100_000, NEW, "password", "max_length"),
        (PASSWORD, NEW, "anders", "password_again", "mismatch"),
    ],
)
def test_password_change_refuses(
    alice_client: Client, alice: User, current: str, password: str, again: str, field: str, code: str
) -> None:
    response = send(alice_client, current, password, again)
    assert response.status_code == 200
    assert code in codes(response, field)
    assert unchanged(alice)
    assert not Message.objects.exists()


def test_password_change_is_throttled_before_anything_is_verified(
    alice_client: Client, alice: User, charlie_client: Client
) -> None:
    for _ in range(10):
        assert send(alice_client, "Verkeerd-1").status_code == 200
    with patch("accounts.passwords.check_password") as verified:
        response = send(alice_client)
    assert (response.status_code, codes(response, "current_password")) == (429, ["throttled"])
    assert not verified.called
    assert unchanged(alice)
    assert send(charlie_client).status_code == 302


@pytest.mark.slow
def test_a_weak_new_password_uses_up_no_attempts(alice_client: Client) -> None:
    for _ in range(15):
        response = send(alice_client, password="zwak")
        assert (response.status_code, "current_password" in response.context["form"].errors) == (200, False)
    for _ in range(10):
        assert send(alice_client, "Verkeerd-1", "zwak").status_code == 200
    response = send(alice_client, "Verkeerd-1")
    assert (response.status_code, int(response["Retry-After"]) > 0) == (429, True)


def test_a_change_in_another_window_wins(alice_client: Client, alice: User) -> None:
    stale = User.objects.get(pk=alice.pk)
    send(alice_client)
    with pytest.raises(EditConflict):
        actions.change_password(
            stale,
            password="Korenbloem-17",
            by=Actor(origin=EventOrigin.PAGE, name="", user=stale, proof=ReauthenticationLevel.FIVE_MINUTES),
        )
    with patch("authentication.views.passwords.actions.change_password", side_effect=EditConflict):
        assert send(alice_client, NEW, "Korenbloem-17")["Location"] == URL


def test_password_change_wants_the_csrf_token_and_a_small_body(alice_client: Client, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert send(client).status_code == 403
    assert send(alice_client, "x" * 1_000_000).status_code == 400
    assert unchanged(alice)
