"""A code that was not delivered: what the invited user and the office see, and the invitation to another number."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.models import Event, Verb
from invitations.models import InvitationCode
from outbox.models import Message
from permissions.checks import Right
from tests.helpers.invited_users import NUMBER, Invited, body_of, invite, token_of
from tests.helpers.users import make_user, signed_in

pytestmark = pytest.mark.django_db
CODE, WELCOME = "/uitnodiging/code/", "/uitnodiging/"
OTHER_NUMBER = "+31687654321"


@pytest.fixture
def invited(alice: User) -> Invited:
    """An invited user whose code was not delivered."""
    found = invite(alice)
    found.post("send_code")
    return found


def lose(error: str = "expired (expired)") -> None:
    Message.objects.filter(kind="code").update(state="bounced", encrypted_body=None, error=error)


def read(client: Client, url: str) -> str:
    client.cookies["django_language"] = "en"
    return re.sub(r"\s+", " ", client.get(url).text)


def resend(client: Client, user: User, number: str = OTHER_NUMBER) -> int:
    page = reverse("users:resend_invitation", args=[user.pk])
    sent = client.get(page).context["form"]["sent"].value()
    return client.post(page, {"email": user.email, "mobile_number": number, "sent": sent}).status_code


def test_the_page_of_the_code_says_so_instead_of_waiting(invited: Invited) -> None:
    assert "sms-delivery.js" in read(invited.client, CODE)
    assert "sms-undelivered" not in read(invited.client, CODE)
    lose()
    text = read(invited.client, CODE)
    assert "The code was not delivered" in text
    assert f"ending in {NUMBER[-2:]} was not delivered: the phone was switched off or out of reach." in text
    assert "ask an administrator of Administratiekantoor De Vries" in text
    assert "sms-delivery.js" not in text, "nothing to wait for"
    assert "was not delivered" not in read(invited.client, WELCOME + "?"), "it leads on to the page of the code"


def test_a_new_code_can_be_requested(invited: Invited) -> None:
    lose()
    last = InvitationCode.objects.get()
    assert f'name="after" value="{last.pk}"' in read(invited.client, CODE)
    invited.post("send_code", after=str(last.pk))
    assert "sms-undelivered" not in read(invited.client, CODE)
    assert invited.post("enter_code", code=invited.last_code())["Location"] == "/uitnodiging/account/"


def test_a_code_that_arrives_after_all_is_taken(invited: Invited) -> None:
    code = invited.last_code()
    lose()
    wrong = invited.post("enter_code", code="000000" if code != "000000" else "111111")
    assert "<details open>" in wrong.text
    assert invited.post("enter_code", code=code)["Location"] == "/uitnodiging/account/"


def test_without_a_reason_it_is_said_too(invited: Invited) -> None:
    lose("the gateway refused it (400)")
    assert f"ending in {NUMBER[-2:]} was not delivered." in read(invited.client, CODE)


@pytest.mark.slow
def test_the_card_of_the_invitation_leads_to_a_correction(alice: User, alice_client: Client, invited: Invited) -> None:
    user = invited.invitation.user
    card, page = reverse("users:user_detail", args=[user.pk]), reverse("users:resend_invitation", args=[user.pk])
    assert "Correct the mobile number" not in read(alice_client, card)
    code = invited.last_code()
    lose()
    text = read(alice_client, card)
    assert "The code was not delivered: the phone was switched off or out of reach." in text
    assert f'href="{page}#id_mobile_number"' in text
    assert "Response from the SMS gateway: expired (expired)" in text
    assert code not in text
    assert "not delivered to the number that was entered last time" in read(alice_client, page)
    viewer = signed_in(make_user(alice.office, Right.VIEW_USERS, username="kijker", initials="K."))
    assert page not in read(viewer, card)


def test_the_corrected_number_gets_the_codes_and_the_old_code_is_dead(alice_client: Client, invited: Invited) -> None:
    user, old = invited.invitation.user, invited.last_code()
    lose()
    assert resend(alice_client, user) == 302
    assert invited.post("enter_code", code=old).status_code == 404, "the link and its code"
    assert not InvitationCode.objects.exists()
    user.refresh_from_db()
    assert user.phone_number == ""
    assert Event.objects.filter(verb=Verb.INVITATION_SENT).count() == 2
    assert OTHER_NUMBER not in str([event.changes for event in Event.objects.all()])
    again = Invited(invited.invitation, token_of(invited.invitation), Client())
    again.client.get(reverse("invitations:open_link", args=[again.token]))
    again.post("send_code")
    assert body_of(Message.objects.filter(kind="code").latest("id"))["to"] == OTHER_NUMBER
    assert again.post("enter_code", code=old).status_code == 200, "not taken"
    assert again.post("enter_code", code=again.last_code())["Location"] == "/uitnodiging/account/"


def test_correcting_has_the_limits_of_resending(alice_client: Client, invited: Invited, settings: Any) -> None:
    settings.LOKET_MESSAGES_TO_ONE_PER_HOUR = 2
    lose()
    user = invited.invitation.user
    assert resend(alice_client, user) == 302
    assert resend(alice_client, user) == 429
    assert Event.objects.filter(verb=Verb.INVITATION_SENT).count() == 2


def test_not_by_another_office_nor_without_the_right(
    bob_client: Client, charlie_client: Client, invited: Invited
) -> None:
    lose()
    page = reverse("users:resend_invitation", args=[invited.invitation.user.pk])
    for client, status in ((charlie_client, 404), (bob_client, 403)):
        assert client.get(page).status_code == status
        assert client.post(page, {"email": "x@devries.example", "mobile_number": OTHER_NUMBER}).status_code == status
    assert Event.objects.filter(verb=Verb.INVITATION_SENT).count() == 1
