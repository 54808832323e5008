"""The status of a user, in the list and on the user's page."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import outbox.actions
from accounts.models import User
from invitations.models import Invitation
from outbox.models import Message
from tests.helpers.invited_users import invite
from users.status import AccountStatus

pytestmark = pytest.mark.django_db
LIST = reverse("users:user_list")


@pytest.fixture
def invited(alice: User) -> User:
    return invite(alice).invitation.user


def shown(client: Client, person: User) -> tuple[str, str]:
    """Return status and detail in the list, after checking that the user's page shows the same."""
    row = next(chip for found, chip, *_rest in client.get(LIST).context["rows"] if found == person)
    page = client.get(reverse("users:user_detail", args=[person.pk]))
    assert page.context["chip"] == row
    assert row.label in page.text
    return next(status.name for status in AccountStatus if status.label == row.label), row.detail


@pytest.mark.parametrize(
    ("invitation", "message", "status"),
    [
        ({}, {}, "SENDING"),
        ({}, {"state": "deferred"}, "SENDING"),
        ({}, {"state": "sent"}, "INVITED"),
        ({}, {"state": "failed"}, "UNDELIVERED"),
        ({}, {"state": "bounced"}, "UNDELIVERED"),
        ({"opened_at": timezone.now()}, {"state": "sent"}, "OPENED"),
        ({"expires_at": timezone.now() - timedelta(minutes=1)}, {"state": "sent"}, "EXPIRED"),
        ({"state": "expired"}, {"state": "sent"}, "EXPIRED"),
        ({"state": "locked"}, {"state": "sent"}, "LOCKED"),
        ({"state": "revoked"}, {"state": "cancelled"}, "REVOKED"),
        ({"state": "revoked"}, {"state": "failed"}, "REVOKED"),
    ],
)
def test_list_and_page_show_the_status(
    alice_client: Client, invited: User, invitation: dict[str, Any], message: dict[str, Any], status: str
) -> None:
    if invitation.get("state", "open") != "open":
        invitation = invitation | {"encrypted_phone": None}
    if message.get("state", "queued") not in ("queued", "deferred"):
        message = message | {"encrypted_body": None}
    Invitation.objects.filter(user=invited).update(**invitation)
    Message.objects.update(**message)
    assert shown(alice_client, invited)[0] == status
    people = alice_client.get(LIST, {"status": AccountStatus[status].value}).context["rows"]
    assert [person for person, *_chips in people] == [invited]


@pytest.mark.slow
def test_a_bounce_is_told_on_list_and_page(alice_client: Client, invited: User) -> None:
    message = Message.objects.get()
    Message.objects.update(state=Message.State.SENT, encrypted_body=None)
    outbox.actions.mark_bounced(message_id=message.pk, esp_id="", reason="550 5.1.1 mailbox unknown")
    message.refresh_from_db()
    assert shown(alice_client, invited) == ("UNDELIVERED", message.failure_reason)
    assert "550 5.1.1 mailbox unknown" in alice_client.get(reverse("users:user_detail", args=[invited.pk])).text
    alert = alice_client.get(reverse("home")).context["alerts"][0]
    assert (alert.reason, alert.count) == ("undelivered", 1)
    assert [person for person, *_chips in alice_client.get(LIST, {"attention": alert.reason}).context["rows"]] == [
        invited
    ]


@pytest.mark.parametrize(
    ("reason", "says", "advice"),
    [
        ("550 5.1.1 unknown", "Not delivered: the mailbox does not exist.", "Check the address"),
        ("452 4.2.2 over quota", "Not delivered: the mailbox is full.", "Resend the invitation later."),
        ("550 5.4.1 access denied", "Not delivered: the mailbox does not exist.", "Check the address"),
        ("550 sorry", "The e-mail was not delivered.", "Check the address"),
    ],
)
def test_page_says_why_an_invitation_bounced(
    alice_client: Client, invited: User, reason: str, says: str, advice: str
) -> None:
    Message.objects.update(state=Message.State.SENT, encrypted_body=None)
    outbox.actions.mark_bounced(message_id=Message.objects.get().pk, esp_id="", reason=reason)
    alice_client.cookies["django_language"] = "en"
    text = alice_client.get(reverse("users:user_detail", args=[invited.pk])).text
    assert says in text
    assert advice in text
    assert reason in text


@pytest.mark.parametrize(
    ("state", "says", "not_that"),
    [("failed", "The code was not delivered.", "may have arrived"), ("no_answer", "may have arrived", "not delivered")],
)
def test_no_answer_of_the_gateway_is_not_called_a_refusal(
    alice_client: Client, alice: User, state: str, says: str, not_that: str
) -> None:
    invited = invite(alice)
    invited.post("send_code")
    Message.objects.filter(kind="code").update(state=state, encrypted_body=None)
    alice_client.cookies["django_language"] = "en"
    text = alice_client.get(reverse("users:user_detail", args=[invited.invitation.user_id])).text
    assert says in text
    assert not_that not in text


def test_blocked_and_ended_come_before_everything(alice_client: Client, invited: User) -> None:
    User.objects.filter(pk=invited.pk).update(access_until=timezone.localdate() - timedelta(days=1))
    assert shown(alice_client, invited)[0] == "ENDED"
    User.objects.filter(pk=invited.pk).update(blocked_at=timezone.now())
    assert shown(alice_client, invited)[0] == "BLOCKED"
