"""Sending an invitation again, and revoking it."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import invitations.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from invitations.models import Invitation
from outbox.models import Message
from teams.models import IndividualRight
from teams.rights import Right
from tests.people import actor, hash_of, letter, make_user

pytestmark = pytest.mark.django_db
DETAILS = {"initials": "P.", "prefix": "de", "last_name": "Boer", "email": "p.deboer@devries.example"}


@pytest.fixture
def invited(office: Provider, alice: User) -> User:
    return invitations.actions.invite(office, details=DETAILS, mobile_number="+31612345678", by=actor(alice))


def url(name: str, user: User) -> str:
    return reverse(f"invitations:{name}", args=[user.pk])


def again(client: Client, user: User, **values: str) -> object:
    form = client.get(url("resend", user)).context["form"]
    data = {"email": user.email, "mobile_number": "0687654321", "sent": form["sent"].value()}
    return client.post(url("resend", user), data | values)


def link(message: Message) -> str:
    return next(word for word in letter(message).split() if "/uitnodiging/" in word).partition("8000")[2]


def test_the_old_link_dies(alices: Client, client: Client, invited: User) -> None:
    old = link(Message.objects.get())
    assert again(alices, invited).status_code == 302
    first, second = Message.objects.order_by("id")
    assert first.state == Message.State.CANCELLED
    assert client.get(old, follow=True).status_code == 404
    assert client.get(link(second), follow=True).status_code == 200
    assert Event.objects.filter(verb=Verb.INVITATION_SENT).count() == 2


def test_the_address_may_change(alices: Client, invited: User) -> None:
    again(alices, invited, email="piet@devries.example")
    invited.refresh_from_db()
    assert invited.email == invited.invitation.email == "piet@devries.example"
    assert Message.objects.latest("id").recipient == "piet@devries.example"
    assert Event.objects.get(verb=Verb.EMAIL_CHANGED).changes == {"email": [DETAILS["email"], "piet@devries.example"]}


def test_sending_the_same_form_twice_is_one_result(alices: Client, invited: User) -> None:
    form = alices.get(url("resend", invited)).context["form"]
    data = {"email": invited.email, "mobile_number": "0687654321", "sent": form["sent"].value()}
    for _click in range(2):
        assert alices.post(url("resend", invited), data).status_code == 302
    assert Message.objects.count() == 2


@pytest.mark.parametrize(("field", "value"), [("mobile_number", "038-1234567"), ("email", "x"), ("sent", "\x00")])
def test_it_refuses_bad_input(alices: Client, invited: User, field: str, value: str) -> None:
    assert again(alices, invited, **{field: value}).context["form"].errors[field]
    assert Message.objects.count() == 1


def test_somebody_blocked_gets_no_invitation(alices: Client, invited: User) -> None:
    User.objects.filter(pk=invited.pk).update(blocked_at=timezone.now())
    assert again(alices, invited).context["form"].errors.as_data()["__all__"][0].code == "no_access"


def test_revoking_kills_the_link_and_the_number(alices: Client, client: Client, invited: User) -> None:
    old = link(Message.objects.get())
    assert alices.get(url("revoke", invited)).status_code == 200
    assert alices.post(url("revoke", invited)).status_code == 302
    invited.invitation.refresh_from_db()
    assert (invited.invitation.state, invited.invitation.sealed_phone) == (Invitation.State.REVOKED, None)
    assert Message.objects.get().state == Message.State.CANCELLED
    assert client.get(old, follow=True).status_code == 404
    alices.post(url("revoke", invited))
    assert Event.objects.filter(verb=Verb.INVITATION_REVOKED).count() == 1
    assert again(alices, invited).status_code == 302, "the person is not lost"


def test_who_was_never_invited_has_no_such_page(alices: Client, bob: User) -> None:
    assert alices.get(url("resend", bob)).status_code == 404
    assert alices.post(url("revoke", bob)).status_code == 404


@pytest.mark.parametrize("name", ["resend", "revoke"])
def test_it_is_not_there_for_another_office(charlies: Client, bobs: Client, invited: User, name: str) -> None:
    assert charlies.get(url(name, invited)).status_code == 404
    assert charlies.post(url(name, invited)).status_code == 404
    assert bobs.post(url(name, invited)).status_code == 403


@pytest.mark.parametrize("name", ["resend", "revoke"])
def test_not_over_somebody_with_more_rights(
    bobs: Client, bob: User, office: Provider, invited: User, name: str
) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS):
        IndividualRight.objects.create(provider=office, user=bob, right=right)
    assert bobs.get(url(name, invited)).status_code == 200
    IndividualRight.objects.create(provider=office, user=invited, right=Right.VIEW_AUDIT)
    assert bobs.get(url(name, invited)).status_code == 403
    assert bobs.post(url(name, invited)).status_code == 403


def test_accepted_meanwhile(alices: Client, invited: User) -> None:
    Invitation.objects.filter(user=invited).update(state=Invitation.State.ACCEPTED, sealed_phone=None)
    User.objects.filter(pk=invited.pk).update(
        accepted_at=timezone.now(), username="piet", username_key="piet", password=hash_of("Regenboog-77")
    )
    assert alices.get(url("resend", invited)).status_code == 302
    assert alices.post(url("revoke", invited)).status_code == 302
    invited.invitation.refresh_from_db()
    assert invited.invitation.state == Invitation.State.ACCEPTED


def test_every_state_has_its_page(alices: Client, invited: User, office: Provider) -> None:
    for state in Invitation.State:
        phone = b"x" if state == Invitation.State.OPEN else None
        Invitation.objects.filter(user=invited).update(state=state, sealed_phone=phone)
        assert alices.get(reverse("accounts:user", args=[invited.pk])).status_code == 200
    for state in Message.State:
        body = b"x" if state in (Message.State.QUEUED, Message.State.DEFERRED) else None
        Message.objects.update(state=state, sealed_body=body)
        assert alices.get(reverse("accounts:user", args=[invited.pk])).status_code == 200
        assert alices.get(reverse("accounts:list")).status_code == 200
    make_user(office, username="iemand")
    assert alices.get(reverse("home")).status_code == 200
