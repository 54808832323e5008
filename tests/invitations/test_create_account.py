"""Choosing username and password when accepting."""

from datetime import timedelta
from time import process_time
from unittest import mock

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from audit.models import Event, Verb
from authentication.session_store import SessionStore
from core.keys import compute_username_key
from core.throttle import RateLimit
from invitations import acceptance
from invitations.cookies import COOKIE_NAME
from invitations.models import Invitation
from invitations.views import accept
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.invited_users import Invited, by, invite
from tests.helpers.responses import ClientResponse, codes
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
ACCOUNT, WELCOME = "/uitnodiging/account/", "/uitnodiging/"
GOOD = "Zonnebloem-42"


@pytest.fixture
def invited(alice: User) -> Invited:
    invited = invite(alice)
    invited.prove()
    return invited


def send(invited: Invited, client: Client | None = None, **data: str) -> ClientResponse:
    fields = {"username": "p.deboer", "password": GOOD, "password_again": GOOD} | data
    return invited.post("create_account", client, **fields)


def person(invited: Invited) -> User:
    return User.objects.get(pk=invited.invitation.user_id)


def test_it_signs_the_user_in(invited: Invited) -> None:
    assert invited.client.get(ACCOUNT).status_code == 200
    response = send(invited)
    assert response["Location"] == reverse("home")
    assert response.cookies[COOKIE_NAME]["max-age"] == 0
    user = person(invited)
    assert (user.username, user.may_sign_in) == ("p.deboer", True)
    assert invited.client.session["_auth_user_id"] == str(user.pk)
    invited.invitation.refresh_from_db()
    assert invited.invitation.state == Invitation.State.ACCEPTED
    assert invited.invitation.encrypted_phone is None
    verbs = set(Event.objects.values_list("verb", flat=True))
    assert {Verb.INVITATION_ACCEPTED, Verb.SIGNED_IN} <= verbs


def test_it_asks_for_the_code_first(alice: User) -> None:
    invited = invite(alice)
    assert invited.client.get(ACCOUNT)["Location"] == WELCOME
    assert send(invited)["Location"] == WELCOME
    assert not person(invited).may_sign_in


def test_it_forgets_the_proof_after_an_hour(invited: Invited) -> None:
    with time_machine.travel(invited.invitation.sent_at + timedelta(minutes=62), tick=False):
        assert send(invited)["Location"] == WELCOME
    assert not person(invited).may_sign_in


@pytest.mark.parametrize(
    ("username", "code"),
    [
        ("", "required"), ("ab", "length"), ("a" * 51, "length"), (" pieter", "spaces"),
        ("piet\x00er", "null_characters_not_allowed"),
        ("pieter ", "spaces"), ("pieter\u2003", "spaces"), ("   ", "length"), ("\u200d\u200d\u200d", "direction"),
        ("piet\x07er", "control_characters"), ("piet\u202eer", "direction"), ("BoB", "taken"), ("b\u043eb", "taken"),
    ],
)  # fmt: skip
def test_it_refuses_a_username(username: str, code: str, invited: Invited, bob: User) -> None:
    response = send(invited, username=username)
    assert response.status_code == 200
    assert code in codes(response, "username")
    assert GOOD not in response.content.decode()
    assert not person(invited).may_sign_in


@pytest.mark.parametrize("username", ["Émile😀", "<b>vet</b>", "مستخدم", "a b c", "ǅurđa", "ß" * 50, "ΐ" * 50])
def test_it_keeps_a_username_as_typed(username: str, invited: Invited) -> None:
    assert send(invited, username=username).status_code == 302
    assert person(invited).username == username
    assert person(invited).username_key == compute_username_key(username)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "required"), ("Kort-1", "length"), ("Aa1-" * 64, "max_length"), ("alleenkleineletters", "classes"),
        ("Zonne\x00bloem-42", "null_characters_not_allowed"), ("P.deboer-1", "similar"), ("Password1", "common"),
        ("Loket2026!", "common"), ("Vries-2026!!", "personal"),
    ],
)  # fmt: skip
def test_it_refuses_a_password(password: str, code: str, invited: Invited) -> None:
    response = send(invited, password=password, password_again=password)
    assert code in codes(response, "password")
    assert b'value="p.deboer"' in response.content
    assert not password or password not in response.content.decode()
    assert not person(invited).may_sign_in


def test_it_wants_the_password_twice(invited: Invited) -> None:
    assert codes(send(invited, password_again=GOOD + "x"), "password_again") == ["mismatch"]


def test_it_answers_a_megabyte_and_a_missing_token(invited: Invited) -> None:
    assert send(invited, username="x" * 1_000_000).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = invited.client.cookies
    assert send(invited, strict).status_code == 403
    assert not person(invited).may_sign_in


def test_it_compares_the_password_with_no_endless_username(invited: Invited) -> None:
    begin = process_time()
    assert codes(send(invited, username="\ufdfa" * 50_000), "username") == ["length"]
    assert process_time() - begin < 3


def test_it_answers_a_username_taken_meanwhile(invited: Invited, bob: User) -> None:
    with mock.patch("accounts.forms.usernames.require_free_username"):
        assert codes(send(invited, username="BOB"), "username") == ["taken"]
        really, asked = acceptance.require_free_username, []

        def first_free(username: str) -> None:
            asked.append(username)
            if len(asked) > 1:
                really(username)

        with mock.patch.object(acceptance, "require_free_username", first_free):
            assert codes(send(invited, username="BOB"), "username") == ["taken"]
    assert len(asked) == 2
    assert send(invited).status_code == 302


def test_it_answers_a_password_refused_by_the_action(invited: Invited) -> None:
    with mock.patch.object(
        acceptance.passwords, "validate_password", side_effect=[None, ValidationError("no", code="x")]
    ):
        assert codes(send(invited), "password") == ["x"]


def test_it_accepts_once(invited: Invited) -> None:
    cookie = invited.client.cookies[COOKIE_NAME].value
    send(invited)
    stored = person(invited).password
    late = Client()
    late.cookies[COOKIE_NAME] = cookie
    response = send(invited, late, username="iemand-anders")
    assert (response.status_code, response.context["reason"]) == (410, "accepted")
    invited.client.cookies[COOKIE_NAME] = cookie
    assert send(invited)["Location"] == reverse("home")
    assert (person(invited).username, person(invited).password) == ("p.deboer", stored)


def test_it_replaces_the_session_of_another_user(invited: Invited, bob: User) -> None:
    invited.client.force_login(bob)
    session = invited.client.session
    session["secret of bob"] = "x"
    session.save()
    old = session.session_key
    assert b"B. Bakker" in invited.client.get(ACCOUNT).content
    send(invited)
    assert not SessionStore().exists(old)
    assert invited.client.session["_auth_user_id"] == str(invited.invitation.user_id)
    assert "secret of bob" not in invited.client.session


def test_it_throttles_by_invitation(invited: Invited) -> None:
    with mock.patch.object(accept, "ACCOUNT_LIMIT", RateLimit("test", 1, timedelta(minutes=5))):
        assert send(invited, username="x").status_code == 200
        assert send(invited, username="x").status_code == 429


def test_it_stops_when_revoked_or_blocked_meanwhile(invited: Invited, alice: User) -> None:
    stale = Invitation.objects.select_related("user").get()
    browser = acceptance.encryption.generate_token()
    with mock.patch.object(acceptance, "_belongs_to_browser", return_value=True):
        User.objects.filter(pk=stale.user_id).update(blocked_at=stale.sent_at)
        with pytest.raises(acceptance.InvitationNotOpen):
            acceptance.accept_invitation(stale, browser=browser, username="p.deboer", password=GOOD, by=by(alice))
    assert not person(invited).may_sign_in


def test_it_establishes_the_office_with_its_first_administrator(db: None) -> None:
    office = Provider.objects.create(name="Nieuw kantoor")
    starter = make_user(office, Right.MANAGE_PROVIDER, username="starter")
    invited = invite(starter)
    IndividualRight.objects.create(provider=office, user=invited.invitation.user, right=Right.MANAGE_PROVIDER)
    invited.prove()
    send(invited)
    office.refresh_from_db()
    assert office.established_at == person(invited).accepted_at


def test_it_asks_no_session_before(invited: Invited) -> None:
    assert not Session.objects.exists()
    assert "sessionid" not in invited.client.cookies


@pytest.mark.parametrize("path", ["", "account/", "code/"])
def test_back_after_accepting_leads_home(invited: Invited, bob_client: Client, path: str) -> None:
    send(invited)
    assert invited.client.get(f"/uitnodiging/{path}")["Location"] == "/"
    bob_client.get("/uitnodiging/onbekend/")
    assert bob_client.get("/uitnodiging/").status_code == 404, "a broken link is told"
    assert Client().get(f"/uitnodiging/{path}").status_code == 404
