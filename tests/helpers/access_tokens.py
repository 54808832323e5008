"""API callers with an access token created without any page."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from core import encryption
from oauth.models import AccessToken, Application
from oauth.scopes import API_SCOPES


def token_of(user: User, *scopes: str, application: Application | None = None, **fields: Any) -> str:
    """Return an access token of `user`, with every scope of the API by default.

    By default, the user has just signed in with a second factor; `authenticated_at=None` gives a client credentials
    token.
    """
    token, now = encryption.generate_token(), timezone.now()
    values = {"expires": now + timedelta(hours=1), "scope": " ".join(scopes or API_SCOPES)}
    values |= {"authenticated_at": now, "with_factor": True} | fields
    row = AccessToken(user=user, application=application or Application.objects.get_built_in(), **values)
    row._raw_token = token
    row.save()
    return token


def bearing(token: str) -> dict[str, str]:
    """Return the headers of a call with the token."""
    return {"Authorization": f"Bearer {token}"}
