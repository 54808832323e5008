"""People for the tests, made without any action so that an action can be the thing that is tested."""

import json
import time
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts import passwords
from accounts.models import LoginMethod, Provider, User
from audit import encryption_keys
from audit.actors import Actor, EventOrigin, build_operator
from core import encryption
from core.access import ReauthenticationLevel
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight

PASSWORD = "Zonnebloem-42"
_hashes: dict[str, str] = {}


def hash_of(password: str) -> str:
    """Return a stored form of `password`, hashed once in a run."""
    if password not in _hashes:
        _hashes[password] = passwords.hash_password(password)
    return _hashes[password]


def make_user(provider: Provider, *rights: Right, **fields: Any) -> User:
    """Make a website user who accepted; `fields` override, `rights` become individual rights."""
    values: dict[str, Any] = {
        "login_method": LoginMethod.WEBSITE_SSO,
        "initials": "A.",
        "last_name": "Jansen",
        "email": "a.jansen@devries.example",
        "accepted_at": timezone.now(),
        "password": hash_of(PASSWORD),
        "password_changed_at": timezone.now(),
    }
    values |= fields
    if "username" not in values:
        values["username"] = f"{values['initials']}{values['last_name']}".lower()
    user = User.objects.create(provider=provider, **values)
    IndividualRight.objects.bulk_create(IndividualRight(provider=provider, user=user, right=right) for right in rights)
    encryption_keys.get_or_create_keys([user])  # as everybody has since the event of being made
    return user


def actor(user: User | None = None) -> Actor:
    """Return `user` acting on a page a moment after signing in, or without one the operator."""
    return (
        Actor(EventOrigin.PAGE, user.full_name, user, proof=ReauthenticationLevel.FIVE_MINUTES)
        if user
        else build_operator("test")
    )


def letter(message: Message) -> str:
    """Return the text of a message that waits in the outbox."""
    body: dict[str, str] = json.loads(
        encryption.decrypt(bytes(message.encrypted_body), context=message.encryption_context)
    )
    return body["text"]


def make_support(username: str = "dora", **fields: Any) -> User:
    """Make a support user with a password, who must have a second factor."""
    values: dict[str, Any] = {"initials": "D.", "last_name": "Dekker", "email": f"{username}@loket.example"}
    values |= {"two_factor_required": True, "is_support": True, "username": username}
    return make_user(None, **(values | fields))  # type: ignore[arg-type]


def signed_in(user: User, *, seconds_ago: float = 0) -> Client:
    """Return a browser in which `user` signed in so many seconds ago."""
    client = Client()
    client.force_login(user)
    confirm_now(client, seconds_ago=seconds_ago)
    return client


def confirm_now(client: Client, *, seconds_ago: float = 0) -> None:
    """Note in the session of `client` that its user confirmed who they are so many seconds ago."""
    session = client.session
    session["confirmed_at"] = int(time.time() - seconds_ago)
    session.save()
