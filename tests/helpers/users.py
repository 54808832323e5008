"""Users for the tests, created without actions so that actions can be tested."""

import json
import time
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.test import Client
from django.utils import timezone

from accounts import passwords
from accounts.models import LoginMethod, Provider, User
from audit import encryption_keys
from audit.actors import Actor, EventOrigin, build_operator
from authentication.session_store import SessionStore
from core import encryption
from core.access import ReauthenticationLevel
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight

PASSWORD = "Zonnebloem-42"
_hashes: dict[str, str] = {}


def hash_of(password: str) -> str:
    """Return a hash of `password`, computed once per run."""
    if password not in _hashes:
        _hashes[password] = passwords.hash_password(password)
    return _hashes[password]


def make_user(provider: Provider, *rights: Right, **fields: Any) -> User:
    """Create a website user who has accepted the invitation.

    `fields` override the defaults, `rights` become individual rights.
    """
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
    encryption_keys.get_or_create_keys([user])  # every user has one, since the event that created the user
    return user


def change_user(user: User, **values: Any) -> None:
    """Store `values` as another process would: the object `user` does not know."""
    stored = User.objects.get(pk=user.pk)
    for name, value in values.items():
        setattr(stored, name, value)
    stored.save(update_fields=values.keys())


def actor(user: User | None = None) -> Actor:
    """Return `user` as an actor on a page just after signing in, or the operator without a user."""
    return (
        Actor(EventOrigin.PAGE, user.full_name, user, proof=ReauthenticationLevel.FIVE_MINUTES)
        if user
        else build_operator("test")
    )


def letter(message: Message) -> str:
    """Return the text of a queued e-mail."""
    body: dict[str, str] = json.loads(
        encryption.decrypt(bytes(message.encrypted_body or b""), context=message.encryption_context)
    )
    return body["text"]


def make_support(username: str = "dora", **fields: Any) -> User:
    """Create a support user with a password, who must have a second factor."""
    values: dict[str, Any] = {"initials": "D.", "last_name": "Dekker", "email": f"{username}@loket.example"}
    values |= {"two_factor_required": True, "is_support": True, "username": username}
    return make_user(None, **(values | fields))  # type: ignore[arg-type]


def signed_in(user: User, *, seconds_ago: float = 0) -> Client:
    """Return a browser in which `user` signed in this many seconds ago: `force_login` with a third of its queries."""
    session = SessionStore()
    session[auth.SESSION_KEY] = str(user.pk)
    session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["confirmed_at"] = int(time.time() - seconds_ago)
    session.create()
    user.last_login = timezone.now()
    User.objects.filter(pk=user.pk).update(last_login=user.last_login)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    return client


def confirm_now(client: Client, *, seconds_ago: float = 0) -> None:
    """Store in the session of `client` that its user re-authenticated this many seconds ago."""
    session = client.session
    session["confirmed_at"] = int(time.time() - seconds_ago)
    session.save()
