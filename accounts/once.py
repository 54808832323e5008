"""The id that a new person will get, issued with the form: the same form sent twice makes one person."""

from uuid import UUID

from django.core import signing

from accounts.models import LoginMethod, User
from loket.ids import uuid7


def issue(user: User, kind: LoginMethod) -> str:
    """Return a new id for a form with which `user` makes somebody of that kind, signed: nobody brings his own."""
    return signing.dumps(uuid7().hex, salt=_salt(user, kind))


def read(user: User, kind: LoginMethod, text: str) -> UUID | None:
    """Return the id that was issued to `user` for that kind as `text`, None where it was not."""
    try:
        return UUID(signing.loads(text, salt=_salt(user, kind)))
    except signing.BadSignature:
        return None


def _salt(user: User, kind: LoginMethod) -> str:
    return f"accounts.once {user.pk} {kind}"
