"""Trusted browsers: the user signed in with them before ("device cookies", OWASP).

A trusted browser has its own attempts, so that guessing from elsewhere cannot lock the user out.
"""

from django.http import HttpRequest, HttpResponse

from accounts.models import User
from core import cookies, encryption
from core.keys import compute_username_key

_COOKIE_MAX_AGE_SECONDS = 180 * 24 * 3600  # seconds
_COOKIE_NAME, _COOKIE_PURPOSE = "device", "signin device"
_MAX_CHARACTERS = 1500  # of the cookies of twelve accounts, on a shared computer


def get_device_id(request: HttpRequest, username: str) -> str:
    """Return the ID of this browser if it is trusted for the account `username`, else ""."""
    return cookies.get_signed_cookie(
        request,
        _build_cookie_name(compute_username_key(username)),
        salt=_COOKIE_PURPOSE,
        max_age=_COOKIE_MAX_AGE_SECONDS,
    )


def trust_device(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Trust this browser for the account of `user`, and no longer for those that used it the longest ago."""
    cookies.set_signed_cookie(
        response,
        _build_cookie_name(user.username_key or ""),
        encryption.generate_token(),
        salt=_COOKIE_PURPOSE,
        max_age=_COOKIE_MAX_AGE_SECONDS,
    )
    cookies.delete_oldest_cookies(response, request, _COOKIE_NAME, most=_MAX_CHARACTERS)


def _build_cookie_name(key: str) -> str:
    """Return the cookie name for one account; it does not reveal the username."""
    return f"{_COOKIE_NAME}-" + encryption.compute_keyed_hash(key, purpose=_COOKIE_PURPOSE)[:16]
