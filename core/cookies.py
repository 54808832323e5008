"""Signed cookies for this host only, hidden from scripts.

Under TLS every name begins with `__Host-` (RFC 6265bis, 4.1.3): browsers accept such a cookie over TLS only, for one
host and every path, so that neither another host of the domain nor plain HTTP can plant one.
"""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.core import signing
from django.http import HttpRequest, HttpResponse

from core import encryption

_MAX_FLOW_CHARACTERS = 5000  # of the cookies of all flows: servers accept 8 KB of cookies at least


class PrefixedCookieStorage(CookieStorage):
    """Message storage in a cookie that has our prefix."""

    cookie_name = f"{settings.LOKET_COOKIE_PREFIX}messages"


class MessageStorage(FallbackStorage):
    """Django's fallback storage: a cookie, and the session for messages that are too long."""

    storage_classes = (PrefixedCookieStorage, SessionStorage)


def set_signed_cookie(response: HttpResponse, cookie: str, value: str, *, salt: str, max_age: int) -> None:
    """Set a signed cookie that lasts `max_age` seconds."""
    response.set_cookie(
        settings.LOKET_COOKIE_PREFIX + cookie,
        signing.get_cookie_signer(salt=cookie + salt).sign(value),
        max_age=max_age,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def get_signed_cookie(request: HttpRequest, cookie: str, *, salt: str, max_age: int) -> str:
    """Return the value of a cookie signed at most `max_age` seconds ago, or "" without one."""
    signed = request.COOKIES.get(settings.LOKET_COOKIE_PREFIX + cookie, "")
    try:
        return str(signing.get_cookie_signer(salt=cookie + salt).unsign(signed, max_age=max_age))
    except signing.BadSignature:
        return ""


def delete_cookie(response: HttpResponse, cookie: str) -> None:
    response.delete_cookie(settings.LOKET_COOKIE_PREFIX + cookie, samesite="Lax")


def build_flow_name(cookie: str, state: str) -> str:
    """Return the name of the cookie of one flow, such as a sign-in in one tab; `state` identifies it."""
    return f"{cookie}-{encryption.hash_token(state)[:16]}"


def delete_oldest_cookies(
    response: HttpResponse, request: HttpRequest, cookie: str, *, most: int = _MAX_FLOW_CHARACTERS
) -> None:
    """Make room for what `response` sets: delete the oldest `cookie`-… cookies beyond `most` characters together."""
    prefix, others = settings.LOKET_COOKIE_PREFIX, request.COOKIES.keys() - response.cookies.keys()
    flows = [(name, request.COOKIES[name]) for name in others if name.startswith(f"{prefix}{cookie}-")]
    length = sum(len(name) + len(morsel.value) for name, morsel in response.cookies.items())
    # Each ends in the time of its signature and the signature; base 62 sorts as text.
    for name, text in sorted(flows, key=lambda flow: flow[1].rsplit(":", 2)[1:2], reverse=True):
        length += len(name) + len(text)
        if length > most:
            delete_cookie(response, name.removeprefix(prefix))
