"""Inviting a user in two steps."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from invitations.models import Invitation
from outbox.models import Message
from tests.helpers import audit_events
from tests.helpers.invited_users import STANDARD_TEXT
from tests.helpers.users import PASSWORD, letter, make_user

pytestmark = pytest.mark.django_db
NEW, MOBILE = reverse("users:invite_user"), reverse("users:send_invitation")
STEP1 = {
    "initials": "P.",
    "prefix": "de",
    "last_name": "Boer",
    "email": "p.deboer@devries.example",
    "subject": STANDARD_TEXT.subject,
    "body": STANDARD_TEXT.body,
}


def draft_of(client: Client, **values: str) -> str:
    """Submit step 1 and return the draft that step 2 names."""
    response = client.post(NEW, STEP1 | values)
    assert response.status_code == 302, response.context["form"].errors
    location: str = response.headers["Location"]
    assert location.startswith(MOBILE + "?concept=")
    return location.rpartition("=")[2]


def invite(client: Client, number: str = "06 12345678", **values: str) -> User:
    draft = draft_of(client, **values)
    assert client.post(MOBILE, {"concept": draft, "mobile_number": number}).status_code == 302
    return User.objects.get(pk=draft)


@pytest.mark.parametrize("url", [NEW, MOBILE])
def test_it_needs_the_right(bob_client: Client, client: Client, url: str) -> None:
    assert bob_client.get(url).status_code == 403
    assert bob_client.post(url, STEP1).status_code == 403
    assert client.get(url).status_code == 302


def test_it_invites(alice_client: Client, alice: User, office: Provider) -> None:
    assert alice_client.get(NEW).status_code == 200
    user = invite(alice_client, place_of_employment="Zwolle", has_access_to_test_years="on", two_factor_required="on",
                  access_until="2099-12-31", phone_number="038-1234567", first_name="Piet")  # fmt: skip
    assert (user.provider, user.login_method, user.username) == (office, LoginMethod.WEBSITE_SSO, None)
    assert (user.place_of_employment, user.first_name, user.phone_number) == ("Zwolle", "Piet", "038-1234567")
    assert user.two_factor_required
    assert user.has_access_to_test_years
    assert user.access_until.isoformat() == "2099-12-31"
    assert user.invitation.state == Invitation.State.OPEN
    message = Message.objects.get()
    assert message.recipient == user.email
    assert "/uitnodiging/" in letter(message)
    assert "two-factor" in letter(message).lower()
    assert [event.verb for event in Event.objects.order_by("id")] == [Verb.USER_CREATED, Verb.INVITATION_SENT]
    assert {event.actor_id for event in Event.objects.all()} == {alice.pk}


def test_leaving_step_two_creates_no_user(alice_client: Client) -> None:
    draft = draft_of(alice_client)
    assert alice_client.get(MOBILE, {"concept": draft}).status_code == 200
    assert User.objects.count() == 1
    assert not Event.objects.exists()


def test_going_back_keeps_what_was_typed(alice_client: Client) -> None:
    draft = draft_of(alice_client, prefix="van der", access_until="2099-12-31", subject="Welkom")
    form = alice_client.get(NEW, {"concept": draft}).context["form"]
    assert form["prefix"].value() == "van der"
    assert form["subject"].value() == "Welkom"
    assert form["access_until"].value().isoformat() == "2099-12-31"
    response = alice_client.post(NEW, STEP1 | {"concept": draft, "last_name": "Anders"})
    assert response.headers["Location"].endswith(draft), "the draft keeps its name"
    alice_client.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"})
    assert User.objects.get(pk=draft).last_name == "Anders"


def test_two_tabs_hold_two_drafts(alice_client: Client) -> None:
    first, second = draft_of(alice_client, last_name="Eerste"), draft_of(alice_client, last_name="Tweede")
    alice_client.post(MOBILE, {"concept": first, "mobile_number": "0612345678"})
    alice_client.post(MOBILE, {"concept": second, "mobile_number": "0687654321"})
    assert User.objects.get(pk=first).last_name == "Eerste"
    assert User.objects.get(pk=second).last_name == "Tweede"


def test_sending_twice_is_one_result(alice_client: Client) -> None:
    draft = draft_of(alice_client)
    for _click in range(2):
        response = alice_client.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"})
        assert response.headers["Location"] == reverse("users:user_list")
    assert Invitation.objects.count() == Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_result(alice_client: Client) -> None:
    draft = draft_of(alice_client)

    def click(_number: int) -> int:
        try:
            other = Client()
            other.cookies = alice_client.cookies
            return other.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, range(4))) == {302}
    assert Invitation.objects.count() == Message.objects.count() == 1


@pytest.mark.parametrize("concept", ["", "x", "\x00", "01a20b4b-199a-74e5-b862-b3487395ccd3"])
def test_a_draft_that_is_gone_sends_nothing(alice_client: Client, concept: str) -> None:
    response = alice_client.post(MOBILE, {"concept": concept, "mobile_number": "0612345678"})
    assert response.headers["Location"] == NEW
    assert not Invitation.objects.exists()


def test_the_draft_of_another_user_is_not_found(alice_client: Client, charlie_client: Client, charlie: User) -> None:
    draft = draft_of(alice_client)
    assert charlie_client.get(MOBILE, {"concept": draft}).headers["Location"] == NEW
    assert charlie_client.get(MOBILE, {"concept": str(charlie.pk)}).status_code == 302
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    "number", ["", "038-1234567", "0900-1234", "12345", "+31 38 4232323", "+", "0612345678 99999999999999999999",
               "06\x0012345678", "🙂", "<b>", "a" * 5000]
)  # fmt: skip
def test_it_refuses_what_is_no_mobile_number(alice_client: Client, number: str) -> None:
    draft = draft_of(alice_client)
    response = alice_client.post(MOBILE, {"concept": draft, "mobile_number": number})
    assert response.status_code == 200
    assert response.context["form"].errors["mobile_number"]
    assert User.objects.count() == 1
    assert alice_client.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"}).status_code == 302


def test_the_number_of_the_seed_article_is_asked_about_once(alice_client: Client) -> None:
    data = {"concept": draft_of(alice_client), "mobile_number": "+32612345678"}
    asked = alice_client.post(MOBILE, data)
    assert asked.context["form"].errors.as_data()["mobile_number"][0].code == "mobile_number_unknown"
    assert 'name="mobile_number-questioned" value="+32612345678"' in asked.text
    other = alice_client.post(
        MOBILE, data | {"mobile_number": "+32612345679", "mobile_number-questioned": "+32612345678"}
    )
    assert other.status_code == 200
    assert not Invitation.objects.exists()
    assert alice_client.post(MOBILE, data | {"mobile_number-questioned": "+32612345678"}).status_code == 302
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("number", ["0201234567", "+3222345678", "+1 900 555 0123", "+447012345678", "+32612345678901"])
def test_a_number_that_cannot_be_mobile_is_refused_however_often_sent(alice_client: Client, number: str) -> None:
    data = {"concept": draft_of(alice_client), "mobile_number": number, "mobile_number-questioned": number}
    assert alice_client.post(MOBILE, data).status_code == 200
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("initials", "", "required"),
        ("initials", "ABCDEFG", "max_length"),
        ("last_name", "", "required"),
        ("last_name", "a\x00", "null_characters_not_allowed"),
        ("last_name", "a\u202eb", "direction"),
        ("email", "", "required"),
        ("email", "a@b\nBcc: c@d.nl", "invalid"),
        ("access_until", "2001-01-01", "past"),
        ("access_until", "0000-00-00", "invalid"),
        ("subject", "Hallo\x07", "control_characters"),
        ("subject", "x" * 513, "max_length"),
        ("body", "x" * 6001, "max_length"),
        ("body", "Zonder link", "missing"),
        ("body", "{UitnodigingLink} {Onbekend}", "placeholder"),
    ],
)
def test_it_refuses_bad_input_beside_the_field(alice_client: Client, field: str, value: str, code: str) -> None:
    response = alice_client.post(NEW, STEP1 | {field: value})
    assert response.status_code == 200
    assert code in [error.code for error in response.context["form"].errors.as_data()[field]]


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(NEW, STEP1).status_code == 403
    plain = Client()
    plain.force_login(alice)
    assert plain.post(NEW, STEP1 | {"last_name": "x" * 2**20}).status_code == 400
    assert plain.post(MOBILE, {"concept": "x" * 2**20}).status_code == 400


def test_the_text_of_one_invitation(alice_client: Client) -> None:
    user = invite(alice_client, subject="Welkom {GebruikerVoorletters}", body="Kom binnen:\r\n\r\n{UitnodigingLink}")
    assert user.invitation.subject == "Welkom {GebruikerVoorletters}"
    assert letter(Message.objects.get()).startswith("Kom binnen:\n\nhttp")
    other = invite(alice_client)
    assert other.invitation.subject == "", "the office's own text stays the office's"


def test_line_ends_of_a_browser_are_no_other_text(alice_client: Client) -> None:
    assert invite(alice_client, body=STANDARD_TEXT.body.replace("\n", "\r\n")).invitation.body == ""


def test_it_says_who_has_the_address_already(alice_client: Client, bob: User, charlie: User) -> None:
    draft = draft_of(alice_client, email="BOB@devries.example")
    assert alice_client.get(MOBILE, {"concept": draft}).context["namesakes"] == [bob]
    draft = draft_of(alice_client, email=charlie.email)
    response = alice_client.get(MOBILE, {"concept": draft})
    assert response.context["namesakes"] == [], "another office is nobody's business"
    assert alice_client.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"}).status_code == 302


def test_two_invitees_with_one_address_are_two_people(alice_client: Client) -> None:
    first, second = invite(alice_client), invite(alice_client)
    assert first.email == second.email
    assert Invitation.objects.count() == Message.objects.count() == 2


def test_the_cap_an_hour(alice_client: Client, settings: Any) -> None:
    settings.LOKET_SMS_PER_HOUR = 2
    invite(alice_client)
    invite(alice_client)
    draft = draft_of(alice_client)
    response = alice_client.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"})
    assert response.status_code == 429
    assert response.context["form"].errors.as_data()["__all__"][0].code == "throttled"
    assert Invitation.objects.count() == 2


def test_sending_costs_fewer_than_25_queries(alice_client: Client) -> None:
    draft = draft_of(alice_client)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        alice_client.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"})
    assert len(queries) < 25
    assert Invitation.objects.count() == 1


def test_the_number_is_kept_nowhere_readable(alice_client: Client) -> None:
    draft = draft_of(alice_client)
    alice_client.post(MOBILE, {"concept": draft, "mobile_number": "038-1234567"})
    alice_client.post(MOBILE, {"concept": draft, "mobile_number": "06 12 34 56 78"})
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    kept.append(audit_events.read_history_text())
    for model in (User, Invitation, Message):
        kept += [str(row.__dict__) for row in model.objects.all()]
    assert not [text for text in kept if "12345678" in text.replace(" ", "") or "1234567" in text or PASSWORD in text]


@pytest.mark.slow
def test_only_ten_drafts_wait(alice_client: Client) -> None:
    drafts = [draft_of(alice_client, last_name=f"Naam{number}") for number in range(12)]
    assert alice_client.get(MOBILE, {"concept": drafts[1]}).status_code == 302
    assert alice_client.get(MOBILE, {"concept": drafts[2]}).status_code == 200


def test_a_blocked_administrator_sends_nothing(alice_client: Client, alice: User, office: Provider) -> None:
    draft = draft_of(alice_client)
    make_user(office, username="ander")
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    assert alice_client.post(MOBILE, {"concept": draft, "mobile_number": "0612345678"}).status_code == 302
    assert not Invitation.objects.exists()
