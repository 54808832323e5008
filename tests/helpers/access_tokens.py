"""What tests of the web service share: a caller with a token that was made without any page."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from core import encryption
from oauth.models import AccessToken, Application
from oauth.scopes import API_SCOPES


def token_of(user: User, *scopes: str, application: Application | None = None, **fields: Any) -> str:
    """Return an access token of `user`, of every scope of the API unless others are given.

    As if the user signed in with a second factor a moment ago; `authenticated_at=None` is one of client credentials.
    """
    token, now = encryption.generate_token(), timezone.now()
    values = {"expires": now + timedelta(hours=1), "scope": " ".join(scopes or API_SCOPES)}
    values |= {"authenticated_at": now, "with_factor": True} | fields
    row = AccessToken(user=user, application=application or Application.objects.get_built_in(), **values)
    row._raw_token = token
    row.save()
    return token


def bearing(token: str) -> dict[str, str]:
    """Return the headers of a call with that token."""
    return {"Authorization": f"Bearer {token}"}
