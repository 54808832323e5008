"""Signed ids issued with the form for a new user: submitting the form twice creates one user."""

from uuid import UUID

from django.core import signing

from accounts.models import LoginMethod, User
from core.ids import uuid7


def issue_form_token(user: User, kind: LoginMethod) -> str:
    """Return a new id, signed because clients must not choose ids, for a form that creates a user of that kind."""
    return signing.dumps(uuid7().hex, salt=_build_salt(user, kind))


def read_form_token(user: User, kind: LoginMethod, text: str) -> UUID | None:
    """Return the id that was issued to `user` for that kind as `text`, or None when the signature does not match."""
    try:
        return UUID(signing.loads(text, salt=_build_salt(user, kind)))
    except signing.BadSignature:
        return None


def _build_salt(user: User, kind: LoginMethod) -> str:
    return f"accounts.once {user.pk} {kind}"
