"""Browsers with which somebody signed in before ("device cookies", OWASP).

Such a browser spends tries of its own, so that strangers who guess at the account cannot lock it out.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import User
from loket import sealing
from loket.text import username_key

_AGE = 180 * 24 * 3600  # seconds
_PURPOSE = "signin device"


def find(request: HttpRequest, username: str) -> str:
    """Return the name of this browser if it knows the account called `username`, else ""."""
    name = _cookie(username_key(username))
    return str(request.get_signed_cookie(name, default="", salt=_PURPOSE, max_age=_AGE) or "")


def remember(response: HttpResponse, user: User) -> None:
    """Let the browser know the account of `user`, who has just proved who he is."""
    response.set_signed_cookie(
        _cookie(user.username_key or ""),
        sealing.new_token(),
        salt=_PURPOSE,
        max_age=_AGE,
        path=reverse("signin:login"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _cookie(key: str) -> str:
    """Return the cookie's name for one account: it says nothing to whoever reads it."""
    return "device-" + sealing.keyed_hash(key, purpose=_PURPOSE)[:16]
