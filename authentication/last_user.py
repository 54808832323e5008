"""The last user who was signed in with this browser, and the pages that were opened before the latest sign-in.

A form may be sent after its session is gone altogether, or with the CSRF token of an earlier session of the same user.
Neither proves who sends it: such a form is only kept for that user (`authentication.pending_forms`).
"""

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CSRF_TOKEN_LENGTH, _unmask_cipher_token  # type: ignore[attr-defined]

from accounts.models import User
from core import cookies, encryption

_COOKIE_NAME, _COOKIE_SALT = "last_user", "signin last user"
_COOKIE_MAX_AGE_SECONDS, _RENEWAL_SECONDS = 8 * 24 * 3600, 24 * 3600  # a page that was left open over a weekend
_EARLIER_TOKENS_KEY, _MAX_EARLIER_TOKENS = "earlier_csrf_tokens", 5


def get_last_user_id(request: HttpRequest) -> str:
    """Return the ID of the user who was last signed in with this browser in the last eight days, or ""."""
    return cookies.get_signed_cookie(request, _COOKIE_NAME, salt=_COOKIE_SALT, max_age=_COOKIE_MAX_AGE_SECONDS)


def set_last_user(request: HttpRequest, response: HttpResponse) -> None:
    """Store the signed-in user in the cookie, unless it has been there for less than a day."""
    user_id = str(request.session[SESSION_KEY])
    if cookies.get_signed_cookie(request, _COOKIE_NAME, salt=_COOKIE_SALT, max_age=_RENEWAL_SECONDS) != user_id:
        cookies.set_signed_cookie(response, _COOKIE_NAME, user_id, salt=_COOKIE_SALT, max_age=_COOKIE_MAX_AGE_SECONDS)


def list_earlier_tokens(request: HttpRequest, user: User) -> list[str]:
    """Return the hashes of the CSRF secrets that pages of `user` in this browser have, before a sign-in replaces it."""
    if get_last_user_id(request) != str(user.pk):
        return []
    current = encryption.hash_token(request.META.get("CSRF_COOKIE", ""))
    return [current, *request.session.get(_EARLIER_TOKENS_KEY, [])][:_MAX_EARLIER_TOKENS]


def save_earlier_tokens(request: HttpRequest, tokens: list[str]) -> None:
    if tokens:
        request.session[_EARLIER_TOKENS_KEY] = tokens


def is_from_earlier_page(request: HttpRequest) -> bool:
    """Return whether this POST has the CSRF token of a page that its user opened before signing in once more."""
    token = request.POST.get("csrfmiddlewaretoken", "")
    if len(token) != CSRF_TOKEN_LENGTH or not (token.isascii() and token.isalnum()):
        return False
    return encryption.hash_token(_unmask_cipher_token(token)) in request.session.get(_EARLIER_TOKENS_KEY, [])
