"""The signed cookie that holds a browser's invitation link, so that the token leaves the address bar.

The token never appears in a session, log or page.
"""

import re
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from core import cookies, encryption
from invitations.models import Invitation

COOKIE_NAME = "invitation"
_COOKIE_SALT = "invitations.visit"
_COOKIE_HOURS = 24  # enough to continue on the same day; the link in the e-mail works again after that
_TOKEN_PATTERN = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class InvitationSession:
    """An invitation opened in a browser; `browser` is a secret that only this browser holds."""

    token: str
    browser: str
    invitation: Invitation


def find_invitation(token: str) -> Invitation | None:
    if not _TOKEN_PATTERN.fullmatch(token):
        return None
    rows = Invitation.objects.select_related("user__provider").exclude(state=Invitation.State.REVOKED)
    return rows.filter(token_hash=encryption.hash_token(token)).first()


def set_invitation_cookie(response: HttpResponse, request: HttpRequest, token: str) -> None:
    """Store the link in the cookie; a browser keeps the secret it already has."""
    cookie = _read_cookie(request)
    browser = cookie[1] if cookie else encryption.generate_token()
    value = f"{token if _TOKEN_PATTERN.fullmatch(token) else ''}.{browser}"
    cookies.set_signed_cookie(response, COOKIE_NAME, value, salt=_COOKIE_SALT, max_age=_COOKIE_HOURS * 3600)


def delete_invitation_cookie(response: HttpResponse) -> None:
    cookies.delete_cookie(response, COOKIE_NAME)


def get_invitation_session(request: HttpRequest) -> InvitationSession | None:
    """Return the invitation opened in this browser, or None without a link or with an unknown one."""
    if (cookie := _read_cookie(request)) is None:
        return None
    token, browser = cookie
    invitation = find_invitation(token)
    return None if invitation is None else InvitationSession(token, browser, invitation)


def _read_cookie(request: HttpRequest) -> tuple[str, str] | None:
    token, _dot, browser = cookies.get_signed_cookie(
        request, COOKIE_NAME, salt=_COOKIE_SALT, max_age=_COOKIE_HOURS * 3600
    ).partition(".")
    return (token, browser) if browser else None
