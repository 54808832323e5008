"""The signed cookie that holds a browser's invitation links, so that the token leaves the address bar.

Each tab may have an invitation of its own: a form names it, and a page shows the one used last. The token never appears
in a session, log or page.
"""

import re
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core import cookies, encryption
from invitations.models import Invitation

COOKIE_NAME = "invitation"
_COOKIE_SALT = "invitations.visit"
_COOKIE_HOURS = 24  # enough to continue on the same day; the link in the e-mail works again after that
_MAX_LINKS = 3
_TOKEN_PATTERN = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class InvitationSession:
    """An invitation opened in a browser; `browser` is a secret that only this browser holds."""

    token: str
    browser: str
    invitation: Invitation


def has_link(request: HttpRequest) -> bool:
    """Return whether a link was opened in this browser, known or not, whose invitation was not accepted since."""
    return bool(_read_cookie(request)[0])


def find_invitation(token: str) -> Invitation | None:
    if not _TOKEN_PATTERN.fullmatch(token):
        return None
    rows = Invitation.objects.select_related("user__provider").exclude(state=Invitation.State.REVOKED)
    return rows.filter(token_hash=encryption.hash_token(token)).first()


def set_invitation_cookie(response: HttpResponse, request: HttpRequest, token: str) -> None:
    """Store the link as the one used last; a browser keeps the secret it already has."""
    tokens, browser = _read_cookie(request)
    token = token if _TOKEN_PATTERN.fullmatch(token) else ""
    _write_cookie(response, [token, *tokens], browser or encryption.generate_token())


def promote_invitation(response: HttpResponse, request: HttpRequest, token: str) -> None:
    """Make the link the one used last, so that the next page shows it, unless the response sets the cookie itself."""
    is_set = settings.LOKET_COOKIE_PREFIX + COOKIE_NAME in response.cookies
    if not is_set and _read_cookie(request)[0][:1] != [token]:
        set_invitation_cookie(response, request, token)


def delete_from_invitation_cookie(response: HttpResponse, request: HttpRequest, token: str) -> None:
    tokens, browser = _read_cookie(request)
    if remaining := [kept for kept in tokens if kept != token]:
        _write_cookie(response, remaining, browser)
    else:
        cookies.delete_cookie(response, COOKIE_NAME)


def get_invitation_session(request: HttpRequest) -> InvitationSession | None:
    """Return the invitation that the form names, else the one used last in this browser.

    None without a link or with an unknown one.
    """
    tokens, browser = _read_cookie(request)
    named = request.POST.get("invitation", "")
    opened = [
        InvitationSession(token, browser, invitation)
        for token in (tokens if named else tokens[:1])
        if (invitation := find_invitation(token)) is not None
    ]
    last = next((session for session in opened if session.token == tokens[0]), None)
    return next((session for session in opened if str(session.invitation.pk) == named), last)


def _read_cookie(request: HttpRequest) -> tuple[list[str], str]:
    """Return the tokens, that of the link used last first, and the secret of this browser, "" without a cookie."""
    joined, _dot, browser = cookies.get_signed_cookie(
        request, COOKIE_NAME, salt=_COOKIE_SALT, max_age=_COOKIE_HOURS * 3600
    ).rpartition(".")
    return (joined.split(".") if browser else []), browser


def _write_cookie(response: HttpResponse, tokens: list[str], browser: str) -> None:
    value = ".".join([*list(dict.fromkeys(tokens))[:_MAX_LINKS], browser])
    cookies.set_signed_cookie(response, COOKIE_NAME, value, salt=_COOKIE_SALT, max_age=_COOKIE_HOURS * 3600)
