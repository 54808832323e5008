"""The invitation link and the page that it opens."""

import re
from datetime import timedelta
from unittest import mock

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import invitations.actions
from accounts.models import User
from audit.models import Event
from core.throttle import RateLimit
from invitations.cookies import COOKIE_NAME
from invitations.models import Invitation, InvitationCode
from invitations.views import accept
from outbox.models import Message
from tests.helpers.invited_users import NUMBER, Invited, by, invite

pytestmark = pytest.mark.django_db
WELCOME = "/uitnodiging/"


@pytest.fixture
def invited(alice: User) -> Invited:
    return invite(alice)


def link(token: str) -> str:
    return reverse("invitations:open_link", args=[token])


def page(client: Client) -> bytes:
    response = client.get(WELCOME)
    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", response.content)


def test_it_moves_the_token_out_of_the_address(invited: Invited) -> None:
    response = Client().get(link(invited.token))
    assert (response.status_code, response["Location"]) == (302, WELCOME)
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    cookie = response.cookies[COOKIE_NAME]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == ("/", "Lax", True)
    assert invited.token.encode() not in response.content


def test_it_names_office_person_and_number(invited: Invited) -> None:
    response = invited.client.get(WELCOME)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    text = response.content.decode()
    assert all(part in text for part in ("Administratiekantoor De Vries", "P. de Boer", "<strong>78</strong>"))
    assert "5678" not in text
    assert invited.token not in text


@pytest.mark.slow
def test_it_changes_nothing_when_opened_often(invited: Invited) -> None:
    def tables() -> list[object]:
        return [
            list(Invitation.objects.values()), list(InvitationCode.objects.values()), list(Message.objects.values()),
            list(Event.objects.values()), list(User.objects.values()),
        ]  # fmt: skip

    before = str(tables())
    client = Client()
    for _time in range(25):
        for method in (client.get, client.head):
            assert method(link(invited.token)).status_code == 302
            assert method(WELCOME).status_code == 200
            assert method(reverse("invitations:send_code")).status_code == 302
    assert str(tables()) == before
    assert "sessionid" not in client.cookies


def test_it_writes_nothing_on_a_get(invited: Invited) -> None:
    client = Client()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(link(invited.token))
        client.get(WELCOME)
    assert not [one["sql"] for one in queries if not one["sql"].startswith("SELECT")]


def test_it_treats_unknown_and_revoked_alike(invited: Invited, alice: User) -> None:
    invitations.actions.revoke_invitation(invited.invitation.user, by=by(alice))
    unknown = Client()
    unknown.get(link("x" * 43))
    assert invited.client.get(WELCOME).status_code == unknown.get(WELCOME).status_code == 404
    assert page(invited.client) == page(unknown)
    assert b"De Vries" not in page(unknown)
    assert page(Client()) == page(unknown)
    again, never = Client().get(link(invited.token)), Client().get(link("x" * 43))
    assert again.status_code == never.status_code == 302
    assert again.content == never.content


@pytest.mark.parametrize("token", ["x", "y" * 3000, "%00", "é" * 43, "a b", "\u202eabc"])
def test_it_answers_rubbish_in_the_address(token: str, db: None) -> None:
    client = Client()
    assert client.get(f"/uitnodiging/{token}/").status_code == 302
    assert client.get(WELCOME).status_code == 404


@pytest.mark.parametrize("value", ["", "x", "a:b:c", "\x00", "é" * 50])
def test_it_refuses_a_forged_cookie(value: str, invited: Invited) -> None:
    client = Client()
    client.cookies[COOKIE_NAME] = value
    assert client.get(WELCOME).status_code == 404


def test_it_says_that_it_expired(invited: Invited) -> None:
    with time_machine.travel(invited.invitation.expires_at + timedelta(seconds=1), tick=False):
        client = Client()
        client.get(link(invited.token))
        for _state in range(2):
            response = client.get(WELCOME)
            assert (response.status_code, response.context["reason"]) == (410, "expired")
            assert b"De Vries" in response.content
            invitations.actions.expire_due_invitations()
    invited.invitation.refresh_from_db()
    assert invited.invitation.state == Invitation.State.EXPIRED
    assert invited.invitation.encrypted_phone is None


def test_it_says_that_it_was_used(invited: Invited) -> None:
    invited.prove()
    invited.post("create_account", username="p.deboer", password="Zonnebloem-42", password_again="Zonnebloem-42")
    client = Client()
    client.get(link(invited.token))
    response = client.get(WELCOME)
    assert (response.status_code, response.context["reason"]) == (410, "accepted")
    assert reverse("authentication:login").encode() in response.content
    assert invited.client.get(link(invited.token)).status_code == 302
    assert invited.client.get(WELCOME)["Location"] == reverse("home")


@pytest.mark.parametrize("change", [{"blocked_at": timezone.now()}, {"access_until": "2020-01-01"}])
def test_it_stops_for_a_blocked_person(change: dict[str, object], invited: Invited) -> None:
    User.objects.filter(pk=invited.invitation.user_id).update(**change)
    response = invited.client.get(WELCOME)
    assert (response.status_code, response.context["reason"]) == (410, "no_access")
    assert invited.post("send_code").status_code == 410
    assert not Message.objects.filter(kind="code").exists()


def test_it_says_who_is_signed_in(invited: Invited, bob_client: Client) -> None:
    bob_client.get(link(invited.token))
    assert b"B. Bakker" in bob_client.get(WELCOME).content


def test_it_kills_the_old_link_when_sent_again(invited: Invited, alice: User) -> None:
    invited.prove()
    invitations.actions.resend_invitation(
        invited.invitation.user, mobile_number="+31687654321", email="nieuw@devries.example", by=by(alice)
    )
    assert invited.client.get(WELCOME).status_code == 404
    assert invited.client.get(reverse("invitations:create_account")).status_code == 404


def test_it_throttles_unknown_links_only(invited: Invited) -> None:
    with mock.patch.object(accept, "UNKNOWN_LINK_LIMIT", RateLimit("test", 2, timedelta(minutes=5))):
        answers = [Client().get(link("z" * 43)).status_code for _time in range(4)]
        assert answers == [302, 302, 429, 429]
        assert Client().get(link(invited.token)).status_code == 302


def test_it_keeps_number_and_token_out_of_sight(invited: Invited) -> None:
    assert NUMBER not in invited.client.get(WELCOME).content.decode()


@pytest.mark.parametrize("name", ["welcome", "enter"])
def test_it_takes_no_post(name: str, invited: Invited) -> None:
    url = link(invited.token) if name == "enter" else WELCOME
    assert invited.client.post(url).status_code == 405
