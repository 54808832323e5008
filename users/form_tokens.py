"""Signed ids issued with the form for a new user: submitting the form twice creates one user."""

from uuid import UUID

from django.core import signing

from accounts.models import LoginMethod, User
from core.ids import uuid7


def issue_form_token(user: User, method: LoginMethod) -> str:
    """Return a new ID for a form that creates a user, signed so that clients cannot choose IDs."""
    return signing.dumps(uuid7().hex, salt=_build_salt(user, method))


def read_form_token(user: User, method: LoginMethod, text: str) -> UUID | None:
    """Return the ID in `text` if it was issued to `user` for this login method, else None."""
    try:
        return UUID(signing.loads(text, salt=_build_salt(user, method)))
    except signing.BadSignature:
        return None


def _build_salt(user: User, method: LoginMethod) -> str:
    return f"users.form_tokens {user.pk} {method}"
