"""Trusted browsers: the user signed in with them before ("device cookies", OWASP).

A trusted browser has its own attempts, so that guessing from elsewhere cannot lock the user out.
"""

from django.http import HttpRequest, HttpResponse

from accounts.models import User
from loket import cookies, sealing
from loket.text import username_key

_AGE = 180 * 24 * 3600  # seconds
_PURPOSE = "signin device"


def find(request: HttpRequest, username: str) -> str:
    """Return the ID of this browser if it is trusted for the account `username`, else ""."""
    return cookies.read(request, _cookie(username_key(username)), salt=_PURPOSE, max_age=_AGE)


def remember(response: HttpResponse, user: User) -> None:
    """Trust the browser for the account of `user`, who has just authenticated."""
    cookies.put(response, _cookie(user.username_key or ""), sealing.new_token(), salt=_PURPOSE, max_age=_AGE)


def _cookie(key: str) -> str:
    """Return the cookie name for one account; it does not reveal the username."""
    return "device-" + sealing.keyed_hash(key, purpose=_PURPOSE)[:16]
