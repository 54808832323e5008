"""The signed cookie that holds a browser's invitation link, so that the token leaves the address bar.

The token is in no session, log or page.
"""

import re
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from invitations.models import Invitation
from loket import cookies, sealing

COOKIE = "invitation"
_SALT = "invitations.visit"
_HOURS = 24  # enough to continue on the same day; the link in the e-mail works again after that
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class Visit:
    """An invitation opened in a browser; `browser` is a secret that only this browser holds."""

    token: str
    browser: str
    invitation: Invitation


def find(token: str) -> Invitation | None:
    """Return the invitation of the link; revoked ones count as unknown."""
    if not _TOKEN.fullmatch(token):
        return None
    rows = Invitation.objects.select_related("user__provider").exclude(state=Invitation.State.REVOKED)
    return rows.filter(token_hash=sealing.token_hash(token)).first()


def remember(response: HttpResponse, request: HttpRequest, token: str) -> None:
    """Store the link in the cookie; a browser keeps the secret it already has."""
    kept = _read(request)
    browser = kept[1] if kept else sealing.new_token()
    value = f"{token if _TOKEN.fullmatch(token) else ''}.{browser}"
    cookies.put(response, COOKIE, value, salt=_SALT, max_age=_HOURS * 3600)


def forget(response: HttpResponse) -> None:
    """Delete the cookie."""
    cookies.remove(response, COOKIE)


def of(request: HttpRequest) -> Visit | None:
    """Return the invitation opened in this browser, or None without a link or with an unknown one."""
    if (kept := _read(request)) is None:
        return None
    token, browser = kept
    invitation = find(token)
    return None if invitation is None else Visit(token, browser, invitation)


def _read(request: HttpRequest) -> tuple[str, str] | None:
    token, _dot, browser = cookies.read(request, COOKIE, salt=_SALT, max_age=_HOURS * 3600).partition(".")
    return (token, browser) if browser else None
