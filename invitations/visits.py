"""Which invitation a browser has open: a signed cookie, so that the token leaves the address bar.

The token stands in no session, log or page.
"""

import re
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from invitations.models import Invitation
from loket import cookies, sealing

COOKIE = "invitation"
_SALT = "invitations.visit"
_HOURS = 24  # long enough to come back to it the same day; the link in the mail opens it again
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class Visit:
    """A browser with the link of an open or ended invitation; `browser` is the secret that only this browser holds."""

    token: str
    browser: str
    invitation: Invitation


def find(token: str) -> Invitation | None:
    """Return the invitation of this link; one that was revoked is as unknown as one that never was."""
    if not _TOKEN.fullmatch(token):
        return None
    rows = Invitation.objects.select_related("user__provider").exclude(state=Invitation.State.REVOKED)
    return rows.filter(token_hash=sealing.token_hash(token)).first()


def remember(response: HttpResponse, request: HttpRequest, token: str) -> None:
    """Put the link into the browser's cookie; the browser keeps the secret it may already have."""
    kept = _read(request)
    browser = kept[1] if kept else sealing.new_token()
    value = f"{token if _TOKEN.fullmatch(token) else ''}.{browser}"
    cookies.put(response, COOKIE, value, salt=_SALT, max_age=_HOURS * 3600)


def forget(response: HttpResponse) -> None:
    """Take the link out of the browser."""
    cookies.remove(response, COOKIE)


def of(request: HttpRequest) -> Visit | None:
    """Return the visit of this browser, None when it has no link or an unknown one."""
    if (kept := _read(request)) is None:
        return None
    token, browser = kept
    invitation = find(token)
    return None if invitation is None else Visit(token, browser, invitation)


def _read(request: HttpRequest) -> tuple[str, str] | None:
    token, _dot, browser = cookies.read(request, COOKIE, salt=_SALT, max_age=_HOURS * 3600).partition(".")
    return (token, browser) if browser else None
