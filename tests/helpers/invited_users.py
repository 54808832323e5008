"""An invited user: the token of the link, the mobile number, and the SMS code decrypted from the outbox."""

import json
import re
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.test import Client
from django.urls import reverse

import invitations.actions
from accounts.emails import get_product_text
from accounts.models import User
from accounts.user_details import UserDetails
from audit.actors import Actor
from core import encryption
from invitations.models import Invitation
from outbox.models import Message
from tests.helpers.responses import ClientResponse
from tests.helpers.users import actor

NUMBER = "+31612345678"
STANDARD_TEXT = get_product_text("invitation", settings.LANGUAGE_CODE)
DETAILS: UserDetails = {"initials": "P.", "prefix": "de", "last_name": "Boer", "email": "p.deboer@devries.example"}


def by(user: User) -> Actor:
    """Return `user` as an actor on a page."""
    return actor(user)


def body_of(message: Message) -> dict[str, str]:
    """Return the body of a queued message."""
    body: dict[str, str] = json.loads(
        encryption.decrypt(bytes(message.encrypted_body or b""), context=message.encryption_context)
    )
    return body


def token_of(invitation: Invitation) -> str:
    """Return the token in the queued invitation e-mail."""
    invitation.refresh_from_db()
    found = re.search(r"/uitnodiging/([\w-]{43})/", body_of(invitation.message)["text"])
    assert found
    return found[1]


@dataclass
class Invited:
    """An invitation and a browser with its link."""

    invitation: Invitation
    token: str
    client: Client

    def post(self, name: str, client: Client | None = None, **data: Any) -> ClientResponse:
        """Submit a form of this invitation."""
        data = {"invitation": str(self.invitation.pk)} | data
        return (client or self.client).post(reverse(f"invitations:{name}"), data)

    def last_code(self) -> str:
        """Return the code of the newest SMS."""
        found = re.search(r"\d{6}", body_of(Message.objects.filter(kind="code").latest("created_at"))["text"])
        assert found
        return found[0]

    def wrong_code(self) -> str:
        """Return six digits that differ from the newest code."""
        return f"{(int(self.last_code()) + 1) % 10**6:06d}"

    def prove(self) -> None:
        """Request a code and enter it."""
        self.post("send_code")
        self.post("enter_code", code=self.last_code())


def invite(alice: User, **details: Any) -> Invited:
    """Let alice invite a user, who opens the link."""
    user = invitations.actions.invite_user(
        alice.office, details=cast(UserDetails, {**DETAILS, **details}), mobile_number=NUMBER, by=by(alice)
    )
    invitation = Invitation.objects.get(user=user)
    invited = Invited(invitation, token_of(invitation), Client())
    invited.client.get(reverse("invitations:open_link", args=[invited.token]))
    return invited
