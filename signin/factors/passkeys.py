"""Passkeys (WebAuthn): registration and authentication take two steps, with a challenge in the session in between."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from webauthn.helpers.exceptions import WebAuthnException

from accounts.models import User
from signin.expiry import BY_SSO
from signin.models import Passkey
from signin.visitors import wanted_page

_LASTS = 600  # seconds
# Raised by the libraries for malformed responses, such as a number instead of an object.
_MALFORMED = (WebAuthnException, OTPWebAuthnApiError, LookupError, TypeError, ValueError, AttributeError)


class NotAccepted(Exception):
    """The browser's response does not match the challenge, this site, or a known passkey."""


@dataclass(frozen=True)
class Ceremony:
    """Registration or authentication in progress in this browser; `take` uses up its challenge."""

    request: HttpRequest
    state: dict[str, Any]

    @classmethod
    def begin_making(cls, request: HttpRequest, user: User) -> dict[str, Any]:
        """Store a new challenge in the session; return the options for the browser to create a passkey for `user`."""
        options: dict[str, Any]
        options, state = _helper(request).register_begin(user)
        _keep(request, "make", user, state)
        return options

    @classmethod
    def begin_showing(cls, request: HttpRequest, user: User | None) -> dict[str, Any]:
        """Do the same for authentication with a passkey of `user`, or of any user if None.

        Requires user verification where no password was given: without `user`, and in a session that an SSO ticket
        started.
        """
        options: dict[str, Any]
        is_alone = user is None or BY_SSO in request.session
        options, state = _helper(request).authenticate_begin(user=user, require_user_verification=is_alone)
        _keep(request, "show", user, state)
        return options

    @classmethod
    def take(cls, request: HttpRequest, purpose: str, user: User | None) -> "Ceremony":
        """Return the ceremony that this session started for this purpose and user. Raises NotAccepted."""
        kept = request.session.pop(_key(purpose), None)
        request.session.save()  # no challenge works twice, whatever happens next
        if not kept or kept["user"] != _name(user) or not 0 <= time.time() - kept["at"] < _LASTS:
            raise NotAccepted("no ceremony was begun here, or too long ago")
        return cls(request, kept["state"])

    def made(self, answer: Any, user: User) -> Passkey:
        """Verify the response and return the saved passkey of `user`. Raises NotAccepted."""
        try:
            passkey: Passkey = _helper(self.request).register_complete(user, self.state, answer)
        except _MALFORMED as error:
            raise NotAccepted(type(error).__name__) from error
        return passkey

    def shown(self, answer: Any, user: User | None) -> Passkey:
        """Verify the response, record the use and return the passkey, of `user` if given. Raises NotAccepted."""
        try:
            passkey: Passkey = _helper(self.request).authenticate_complete(user, self.state, answer)
        except _MALFORMED as error:
            raise NotAccepted(type(error).__name__) from error
        return passkey


def script_settings(request: HttpRequest) -> dict[str, Any]:
    """Return the configuration that the library's scripts read from the page."""
    target = urlencode({"next": wanted_page(request)})
    return {
        "csrfToken": get_token(request),
        "nextFieldSelector": "main input[name='next']",
        "autocompleteLoginFieldSelector": None,
        "beginRegistrationUrl": reverse("signin:add_passkey_begin"),
        "completeRegistrationUrl": f"{reverse('signin:add_passkey_complete')}?{target}",
        "beginAuthenticationUrl": reverse("signin:show_passkey_begin"),
        "completeAuthenticationUrl": reverse("signin:show_passkey_complete"),
    }


def _key(purpose: str) -> str:
    return f"passkey_{purpose}"


def _name(user: User | None) -> str:
    return str(user.pk) if user else ""


def _keep(request: HttpRequest, purpose: str, user: User | None, state: dict[str, Any]) -> None:
    request.session[_key(purpose)] = {"user": _name(user), "at": int(time.time()), "state": state}


def _helper(request: HttpRequest) -> Any:
    # The library's helpers load the Passkey model of this app at import.
    from signin.factors.ceremony import Helper

    return Helper(request)
