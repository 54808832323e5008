"""Browsers with which somebody signed in before ("device cookies", OWASP).

Such a browser spends tries of its own, so that strangers who guess at the account cannot lock it out.
"""

from django.http import HttpRequest, HttpResponse

from accounts.models import User
from loket import cookies, sealing
from loket.text import username_key

_AGE = 180 * 24 * 3600  # seconds
_PURPOSE = "signin device"


def find(request: HttpRequest, username: str) -> str:
    """Return the name of this browser if it knows the account called `username`, else ""."""
    return cookies.read(request, _cookie(username_key(username)), salt=_PURPOSE, max_age=_AGE)


def remember(response: HttpResponse, user: User) -> None:
    """Let the browser know the account of `user`, who has just proved who he is."""
    cookies.put(response, _cookie(user.username_key or ""), sealing.new_token(), salt=_PURPOSE, max_age=_AGE)


def _cookie(key: str) -> str:
    """Return the cookie's name for one account: it says nothing to whoever reads it."""
    return "device-" + sealing.keyed_hash(key, purpose=_PURPOSE)[:16]
