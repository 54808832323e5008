"""The page of messages: what was sent to whom, why it did not arrive, filters, and what can be sent again."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

import users.actions
from accounts.email_kinds import KINDS
from accounts.models import Provider, User
from core.ids import build_min_uuid7, uuid7
from outbox.kinds import KIND_LABELS
from outbox.message_limits import LIMITED_KINDS, UNLIMITED_KINDS
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.invited_users import NUMBER, invite
from tests.helpers.notification_events import employer_of, make_team_at_employer
from tests.helpers.users import actor, make_user, signed_in

pytestmark = pytest.mark.django_db
LIST = reverse("users:message_list")


def make_message(user: User, **fields: Any) -> Message:
    """Make a message to `user` that was sent."""
    values: dict[str, Any] = {"kind": "username", "channel": "mail", "recipient": user.email, "state": "sent"}
    values |= {"provider_id": user.provider_id, "user_id": user.pk, "sent_at": timezone.now()}
    return Message.objects.create(**values | fields)


def of(user: User) -> str:
    return reverse("users:user_message_list", args=[user.pk])


def listed(client: Client, url: str = LIST, **query: str) -> list[Message]:
    return [row.message for row in client.get(url, query).context["rows"]]


def again(client: Client, url: str = LIST) -> dict[str, str | None]:
    """Return the address that sends a message again, by its kind."""
    return {
        row.message.kind: row.send_again and row.send_again.url.partition("#")[0]
        for row in client.get(url).context["rows"]
    }


def test_every_kind_has_a_name() -> None:
    assert set(KIND_LABELS) == LIMITED_KINDS | UNLIMITED_KINDS


def test_an_email_has_the_name_of_its_text() -> None:
    with translation.override("en"):
        labels, titles = set(map(str, KIND_LABELS.values())), {str(kind.title) for kind in KINDS.values()}
    assert titles - labels == {"User invitation", "Request to set up two-factor", "Two-factor becomes required"}
    assert labels - titles == {"Invitation", "Two-factor reminder", "Code by SMS", "Test of an e-mail text"}


def test_list_says_what_was_sent_to_whom_and_why_it_did_not_arrive(alice_client: Client, bob: User) -> None:
    make_message(bob)
    make_message(bob, kind="password_link", state="bounced", error="550 5.1.1 user unknown")
    make_message(bob, kind="code", channel="sms", recipient="", state="bounced", error="expired (expired)")
    alice_client.cookies["django_language"] = "en"
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", alice_client.get(LIST).text))
    assert "Username · B. Bakker" in text
    assert "Forgotten password · B. Bakker the mailbox does not exist" in text
    assert "Response from the mail server: 550 5.1.1 user unknown" in text
    assert "Code by SMS · B. Bakker the phone was switched off or out of reach" in text
    assert "Response from the SMS gateway: expired (expired)" in text
    assert text.count("Not delivered") >= 2


def test_list_never_shows_bodies_codes_links_or_numbers(alice: User, alice_client: Client) -> None:
    invited = invite(alice)
    invited.post("send_code")
    with CaptureQueriesContext(connection) as queries:
        text = alice_client.get(LIST).text
    assert len(listed(alice_client)) == 2
    for secret in (invited.last_code(), invited.token, NUMBER, NUMBER[-9:], "/uitnodiging/"):
        assert secret not in text
    assert not any("encrypted_body" in query["sql"] for query in queries)


@pytest.mark.slow
def test_filters(alice_client: Client, alice: User, bob: User) -> None:
    other = make_user(bob.office, initials="E.", last_name="Visser", username="eva", email="eva@devries.example")
    sent = make_message(bob)
    failed = make_message(bob, kind="blocked", state="failed", error="550 no")
    waiting = make_message(other, kind="unblocked", state="queued", encrypted_body=b"x")
    old_id = build_min_uuid7(timezone.now() - timedelta(days=3)).int + 1
    old = make_message(other, kind="unblocked", id=type(uuid7())(int=old_id))
    assert listed(alice_client) == [waiting, failed, sent, old]
    assert listed(alice_client, kind="unblocked") == [waiting, old]
    assert listed(alice_client, state="undelivered") == [failed]
    assert listed(alice_client, state="waiting") == [waiting]
    assert listed(alice_client, state="sent") == [sent, old]
    assert listed(alice_client, person="bakker") == [failed, sent]
    assert listed(alice_client, person="eva@devries.example", state="sent") == [old]
    today = timezone.localdate().isoformat()
    assert listed(alice_client, since=today) == [waiting, failed, sent]
    assert listed(alice_client, until=(timezone.localdate() - timedelta(days=1)).isoformat()) == [old]
    assert listed(alice_client, since=today, until=today) == [waiting, failed, sent]
    assert listed(alice_client, of(other)) == [waiting, old]
    for wrong in ({"kind": "x"}, {"state": "x"}, {"since": "x"}, {"page": "x"}):
        assert len(listed(alice_client, **wrong)) == 4


def test_messages_to_integrations_are_not_listed(alice_client: Client, bob: User) -> None:
    make_message(bob, kind="logout", channel="http", user_id=None, recipient="portaal.example")
    assert listed(alice_client) == []
    assert "Er zijn nog geen berichten verstuurd" in alice_client.get(LIST).text


def test_pages_are_keyset_paged_with_a_fixed_number_of_queries(alice_client: Client, bob: User) -> None:
    make_message(bob)
    with CaptureQueriesContext(connection) as few:
        alice_client.get(LIST)
    office = bob.office
    for number in range(60):
        user = make_user(office, initials="X.", username=f"x{number}", email=f"x{number}@devries.example")
        make_message(user, kind="invitation" if number % 2 else "username")
    with CaptureQueriesContext(connection) as many:
        first = alice_client.get(LIST)
    assert len(many) <= len(few) + 1, "and the count, once there is more than a page"
    second = alice_client.get(LIST + first.context["next_url"])
    shown = [row.message for row in [*first.context["rows"], *second.context["rows"]]]
    assert shown == list(Message.objects.order_by("-pk"))
    assert str(first.context["span"]) == "1–50 van 61"
    assert str(second.context["span"]) == "51–61 van 61"
    back = alice_client.get(LIST + second.context["previous_url"])
    assert [row.message for row in back.context["rows"]] == shown[:50]


def test_other_offices_and_users_without_the_right(
    alice_client: Client, bob_client: Client, charlie_client: Client, bob: User, office: Provider
) -> None:
    make_message(bob)
    assert listed(charlie_client) == []
    assert listed(charlie_client, person="bakker") == []
    assert charlie_client.get(of(bob)).status_code == 404
    assert bob_client.get(LIST).status_code == 403
    assert bob_client.get(of(bob)).status_code == 403
    viewer = make_user(office, Right.VIEW_USERS, username="kijker", initials="K.")
    page = signed_in(viewer).get(reverse("users:user_detail", args=[bob.pk]))
    assert of(bob) not in page.text
    assert of(bob) in alice_client.get(reverse("users:user_detail", args=[bob.pk])).text
    assert alice_client.post(LIST).status_code == 405


def test_last_message_of_a_kind_can_be_sent_again_by_its_own_action(alice: User, alice_client: Client) -> None:
    invited = invite(alice)
    user = invited.invitation.user
    page = reverse("users:resend_invitation", args=[user.pk])
    assert again(alice_client) == {"invitation": page}
    invited.post("send_code")
    assert again(alice_client) == {"invitation": page, "code": None}
    Message.objects.filter(kind="code").update(state="failed", encrypted_body=None)
    assert again(alice_client) == {"invitation": page, "code": page}
    make_message(user, kind="invitation")
    assert [row.send_again is not None for row in alice_client.get(of(user)).context["rows"]] == [True, True, False]


def test_nothing_is_offered_that_has_no_meaning_or_no_authority(
    alice: User, alice_client: Client, bob: User, office: Provider
) -> None:
    for kind in KIND_LABELS:
        make_message(bob, kind=kind)
    offered = {kind for kind, url in again(alice_client, of(bob)).items() if url}
    assert offered == {"username", "factor_duty_ahead"}
    make_message(alice)
    assert again(alice_client, of(alice)) == {"username": None}, "to oneself"
    manager = signed_in(make_user(office, Right.MANAGE_USERS, Right.VIEW_USERS, username="chef", initials="C."))
    assert again(manager, of(alice)) == {"username": None}, "with more rights"
    assert again(manager, of(bob))["username"] is not None
    users.actions.block_user(bob, by=actor(alice))
    assert not any(again(alice_client, of(bob)).values())


def test_an_administrator_may_send_to_users_with_rights_at_employers(alice_client: Client, bob: User) -> None:
    IndividualRight.objects.create(provider=bob.office, user=bob, right=Right.VIEW_HRM)
    make_team_at_employer(employer_of(bob.office), bob)
    make_message(bob)
    assert again(alice_client)["username"] is not None


def test_sending_again_makes_a_new_message(alice_client: Client, bob: User) -> None:
    first = make_message(bob)
    url = again(alice_client)["username"]
    assert url
    assert alice_client.post(url).status_code == 302
    message = Message.objects.exclude(pk=first.pk).get(kind="username")
    assert message.encrypted_body is not None
    first.refresh_from_db()
    assert first.encrypted_body is None
