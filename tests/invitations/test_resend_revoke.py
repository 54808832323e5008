"""Resending and revoking an invitation."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import invitations.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.responses import ClientResponse
from tests.helpers.users import actor, change_user, hash_of, letter, make_user

pytestmark = pytest.mark.django_db
DETAILS = {"initials": "P.", "prefix": "de", "last_name": "Boer", "email": "p.deboer@devries.example"}


@pytest.fixture
def invited(office: Provider, alice: User) -> User:
    return invitations.actions.invite_user(office, details=DETAILS, mobile_number="+31612345678", by=actor(alice))


def url(name: str, user: User) -> str:
    return reverse(f"users:{name}", args=[user.pk])


def again(client: Client, user: User, **values: str) -> ClientResponse:
    form = client.get(url("resend_invitation", user)).context["form"]
    data = {"email": user.email, "mobile_number": "0687654321", "sent": form["sent"].value()}
    return client.post(url("resend_invitation", user), data | values)


def link(message: Message) -> str:
    return next(word for word in letter(message).split() if "/uitnodiging/" in word).partition("8000")[2]


def test_the_old_link_dies(alice_client: Client, client: Client, invited: User) -> None:
    old = link(Message.objects.get())
    assert again(alice_client, invited).status_code == 302
    first, second = Message.objects.order_by("id")
    assert first.state == Message.State.CANCELED
    assert client.get(old, follow=True).status_code == 404
    assert client.get(link(second), follow=True).status_code == 200
    assert Event.objects.filter(verb=Verb.INVITATION_SENT).count() == 2


def test_the_address_may_change(alice_client: Client, invited: User) -> None:
    again(alice_client, invited, email="piet@devries.example")
    invited.refresh_from_db()
    assert invited.email == invited.invitation.email == "piet@devries.example"
    assert Message.objects.latest("id").recipient == "piet@devries.example"
    assert Event.objects.get(verb=Verb.EMAIL_CHANGED).changes == {"email": [DETAILS["email"], "piet@devries.example"]}


def test_sending_the_same_form_twice_is_one_result(alice_client: Client, invited: User) -> None:
    form = alice_client.get(url("resend_invitation", invited)).context["form"]
    data = {"email": invited.email, "mobile_number": "0687654321", "sent": form["sent"].value()}
    for _click in range(2):
        assert alice_client.post(url("resend_invitation", invited), data).status_code == 302
    assert Message.objects.count() == 2


@pytest.mark.parametrize(("field", "value"), [("mobile_number", "038-1234567"), ("email", "x"), ("sent", "\x00")])
def test_it_refuses_bad_input(alice_client: Client, invited: User, field: str, value: str) -> None:
    assert again(alice_client, invited, **{field: value}).context["form"].errors[field]
    assert Message.objects.count() == 1


def test_a_blocked_user_gets_no_invitation(alice_client: Client, invited: User) -> None:
    User.objects.filter(pk=invited.pk).update(blocked_at=timezone.now())
    assert again(alice_client, invited).context["form"].errors.as_data()["__all__"][0].code == "no_access"


def test_revoking_kills_the_link_and_the_number(alice_client: Client, client: Client, invited: User) -> None:
    old = link(Message.objects.get())
    assert alice_client.get(url("revoke_invitation", invited)).status_code == 200
    assert alice_client.post(url("revoke_invitation", invited)).status_code == 302
    invited.invitation.refresh_from_db()
    assert (invited.invitation.state, invited.invitation.encrypted_phone) == (Invitation.State.REVOKED, None)
    assert Message.objects.get().state == Message.State.CANCELED
    assert client.get(old, follow=True).status_code == 404
    alice_client.post(url("revoke_invitation", invited))
    assert Event.objects.filter(verb=Verb.INVITATION_REVOKED).count() == 1
    assert again(alice_client, invited).status_code == 302, "the person is not lost"


def test_who_was_never_invited_has_no_such_page(alice_client: Client, bob: User) -> None:
    assert alice_client.get(url("resend_invitation", bob)).status_code == 404
    assert alice_client.post(url("revoke_invitation", bob)).status_code == 404


@pytest.mark.parametrize("name", ["resend_invitation", "revoke_invitation"])
def test_it_is_not_there_for_another_office(
    charlie_client: Client, bob_client: Client, invited: User, name: str
) -> None:
    assert charlie_client.get(url(name, invited)).status_code == 404
    assert charlie_client.post(url(name, invited)).status_code == 404
    assert bob_client.post(url(name, invited)).status_code == 403


@pytest.mark.parametrize("name", ["resend_invitation", "revoke_invitation"])
def test_not_for_a_user_with_more_rights(
    bob_client: Client, bob: User, office: Provider, invited: User, name: str
) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS):
        IndividualRight.objects.create(provider=office, user=bob, right=right)
    assert bob_client.get(url(name, invited)).status_code == 200
    IndividualRight.objects.create(provider=office, user=invited, right=Right.VIEW_AUDIT)
    assert bob_client.get(url(name, invited)).status_code == 403
    assert bob_client.post(url(name, invited)).status_code == 403


def test_accepted_meanwhile(alice_client: Client, invited: User) -> None:
    Invitation.objects.filter(user=invited).update(state=Invitation.State.ACCEPTED, encrypted_phone=None)
    change_user(invited, accepted_at=timezone.now(), username="piet", password=hash_of("Regenboog-77"))
    assert alice_client.get(url("resend_invitation", invited)).status_code == 302
    assert alice_client.post(url("revoke_invitation", invited)).status_code == 302
    invited.invitation.refresh_from_db()
    assert invited.invitation.state == Invitation.State.ACCEPTED


@pytest.mark.slow
def test_every_state_has_its_page(alice_client: Client, invited: User, office: Provider) -> None:
    for state in Invitation.State:
        phone = b"x" if state == Invitation.State.OPEN else None
        Invitation.objects.filter(user=invited).update(state=state, encrypted_phone=phone)
        assert alice_client.get(reverse("users:user_detail", args=[invited.pk])).status_code == 200
    for message_state in Message.State:
        body = b"x" if message_state in (Message.State.QUEUED, Message.State.DEFERRED) else None
        Message.objects.update(state=message_state, encrypted_body=body)
        assert alice_client.get(reverse("users:user_detail", args=[invited.pk])).status_code == 200
        assert alice_client.get(reverse("users:user_list")).status_code == 200
    make_user(office, username="iemand")
    assert alice_client.get(reverse("home")).status_code == 200
