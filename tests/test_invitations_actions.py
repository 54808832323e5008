"""Inviting, codes and accepting, as actions."""

import pytest

import invitations.actions
from accounts.models import Provider, User
from audit.actors import Actor, Origin
from audit.models import Event
from invitations.models import Invitation
from outbox.models import Message

pytestmark = pytest.mark.django_db
DETAILS = {"initials": "P.", "prefix": "de", "last_name": "Boer", "email": "p.deboer@devries.example"}


def by(user: User) -> Actor:
    return Actor(origin=Origin.PAGE, name=user.full_name, user=user)


def test_it_invites(office: Provider, alice: User) -> None:
    user = invitations.actions.invite(office, details=DETAILS, mobile_number="+31612345678", by=by(alice))
    user.refresh_from_db()
    assert user.username is None
    assert not user.may_sign_in
    assert user.invitation.state == Invitation.State.OPEN
    assert b"612345678" not in bytes(user.invitation.sealed_phone)
    message = Message.objects.get()
    assert (message.channel, message.recipient, message.state) == ("mail", "p.deboer@devries.example", "queued")
    assert list(Event.objects.order_by("id").values_list("verb", flat=True)) == ["user_created", "invitation_sent"]
