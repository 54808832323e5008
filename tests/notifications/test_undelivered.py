"""The notification to the sender of an invitation whose e-mail or code did not arrive."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.utils import IntegrityError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import invitations.actions
import outbox.actions
import users.actions
from accounts.models import Provider, User
from invitations.models import Invitation
from notifications import undelivered
from notifications.models import Notification
from notifications.undelivered import notify_senders
from outbox.models import Message
from permissions.checks import Right
from tests.helpers.invited_users import Invited, invite
from tests.helpers.notification_events import employer_of, make_team_at_employer, raised
from tests.helpers.users import actor, change_user, make_user, signed_in
from users.suspension import reactivate_office, suspend_office

pytestmark = pytest.mark.django_db
INBOX = reverse("notifications:notification_list")


@pytest.fixture
def manager(office: Provider, alice: User) -> User:
    """The sender of the invitation, besides an administrator."""
    return make_user(office, Right.MANAGE_USERS, Right.VIEW_USERS, username="chef", initials="C.")


@pytest.fixture
def invited(manager: User) -> Invited:
    found = invite(manager)
    Message.objects.update(state="sent", encrypted_body=None)
    return found


def bounce(invited: Invited) -> bool:
    invited.invitation.refresh_from_db()
    message_id = invited.invitation.message_id
    return outbox.actions.mark_bounced(message_id=message_id, esp_id="", reason="550 5.1.1 unknown")


def lose_code(invited: Invited) -> None:
    invited.post("send_code")
    Message.objects.filter(kind="code").update(state="failed", encrypted_body=None)


def told() -> list[tuple[str | None, str]]:
    return list(Notification.objects.order_by("pk").values_list("user__username", "undelivered"))


def test_sender_is_notified_of_a_bounce_once(invited: Invited, manager: User) -> None:
    assert notify_senders() == 0
    assert bounce(invited)
    assert notify_senders() == 1
    assert told() == [("chef", "invitation")]
    assert not bounce(invited), "reported again"
    assert notify_senders() == 0
    assert len(told()) == 1


def test_two_workers_with_the_same_message(invited: Invited) -> None:
    bounce(invited)
    message_id = invited.invitation.message_id
    assert [undelivered._notify_sender(message_id) for _worker in range(2)] == [True, False]
    assert len(told()) == 1


def test_sender_is_notified_of_a_refusal_and_of_a_code(invited: Invited) -> None:
    Message.objects.update(state="failed")
    notify_senders()
    lose_code(invited)
    notify_senders()
    assert told() == [("chef", "invitation"), ("chef", "code")]


def test_invitation_that_bounces_again_is_another_notification(invited: Invited, manager: User) -> None:
    bounce(invited)
    notify_senders()
    user = invited.invitation.user
    invitations.actions.resend_invitation(user, mobile_number="+31687654321", email=user.email, by=actor(manager))
    Message.objects.pending().update(state="sent", encrypted_body=None)
    bounce(invited)
    notify_senders()
    assert told() == [("chef", "invitation")] * 2


def test_only_the_message_that_counts(invited: Invited, manager: User) -> None:
    first = invited.invitation.message_id
    user = invited.invitation.user
    invitations.actions.resend_invitation(user, mobile_number="+31687654321", email=user.email, by=actor(manager))
    outbox.actions.mark_bounced(message_id=first, esp_id="", reason="550 5.1.1 unknown")
    assert notify_senders() == 1
    assert told() == [], "of an earlier invitation"
    Message.objects.create(
        kind="username", channel="mail", state="bounced", provider_id=user.provider_id, user_id=user.pk
    )
    assert notify_senders() == 0


def test_a_code_that_was_replaced_is_not_reported(invited: Invited) -> None:
    lose_code(invited)
    invited.post("send_code")
    notify_senders()
    assert told() == []


@pytest.mark.parametrize(
    "case", ["blocked sender", "ended sender", "sender without the right", "accepted", "revoked", "blocked user"]
)
def test_nobody_is_notified_who_cannot_act(invited: Invited, alice: User, manager: User, case: str) -> None:
    user = invited.invitation.user
    bounce(invited)
    if case == "blocked sender":
        users.actions.block_user(manager, by=actor(alice))
    elif case == "ended sender":
        change_user(manager, access_until=timezone.localdate() - timedelta(days=1))
    elif case == "sender without the right":
        manager.individual_rights.all().delete()
    elif case == "blocked user":
        users.actions.block_user(user, by=actor(alice))
    else:
        Invitation.objects.update(state=case, encrypted_phone=None)
    assert notify_senders() == 1
    assert told() == []
    assert notify_senders() == 0, "and it is not tried again"


def test_sender_who_was_erased(invited: Invited, manager: User) -> None:
    bounce(invited)
    Invitation.objects.update(sent_by=None)
    assert notify_senders() == 1
    assert told() == []


def test_suspended_office_is_notified_after_its_reactivation(invited: Invited, office: Provider) -> None:
    bounce(invited)
    suspend_office(office, by=actor())
    assert notify_senders() == 0
    reactivate_office(office, by=actor())
    notify_senders()
    assert told() == [("chef", "invitation")]


@pytest.mark.slow
def test_inbox_and_home_page_show_it_with_a_link(invited: Invited, manager: User, alice_client: Client) -> None:
    bounce(invited)
    notify_senders()
    client, user = signed_in(manager), invited.invitation.user
    link = f"{reverse('users:user_detail', args=[user.pk])}#invitation"
    for url in (INBOX, "/"):
        text = client.get(url).text
        assert "Uitnodiging niet bezorgd" in text
        assert user.full_name in text
        assert f'href="{link}"' in text
        assert link not in alice_client.get(url).text, "of another user"
    notice = Notification.objects.get()
    mark = reverse("notifications:mark_read", args=[notice.pk])
    assert alice_client.post(mark).status_code == 404
    assert client.post(mark).status_code == 302
    assert INBOX + "?unread=1" not in client.get("/").text


@pytest.mark.slow
def test_it_is_among_the_other_notifications_in_a_fixed_number_of_queries(manager: User, office: Provider) -> None:
    employer = employer_of(office)
    make_team_at_employer(employer, manager)
    invite_and_lose(manager, 1)
    raised(employer, text="A")
    client = signed_in(manager)
    with CaptureQueriesContext(connection) as few:
        assert len(client.get(INBOX).context["notifications"]) == 2
    for number in range(2, 6):
        invite_and_lose(manager, number)
        raised(employer, text=f"A{number}")
    with CaptureQueriesContext(connection) as many:
        assert len(client.get(INBOX).context["notifications"]) == 10
    assert len(many) <= len(few)


def invite_and_lose(manager: User, number: int) -> None:
    bounced = invite(manager, email=f"p{number}@devries.example")
    Message.objects.pending().update(state="sent", encrypted_body=None)
    bounce(bounced)
    notify_senders()


@pytest.mark.parametrize("wrong", [{"invited": None}, {"undelivered": ""}, {"message_id": None}])
def test_a_notification_is_about_one_thing(invited: Invited, manager: User, wrong: dict[str, Any]) -> None:
    values: dict[str, Any] = {"provider_id": manager.provider_id, "user": manager, "invited": invited.invitation.user}
    values |= {"undelivered": "invitation", "message_id": invited.invitation.message_id}
    with pytest.raises(IntegrityError):
        Notification.objects.create(shown_at=timezone.now(), by_mail=False, **values | wrong)


def test_it_goes_with_the_invited_user(invited: Invited) -> None:
    bounce(invited)
    notify_senders()
    invited.invitation.user.delete()
    assert told() == []
