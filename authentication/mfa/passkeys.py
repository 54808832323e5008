"""Passkeys (WebAuthn): registration and authentication take two steps, with a challenge in the session in between.

Each tab has a challenge of its own; the browser's response says which.
"""

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import reverse
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException

from accounts.models import User
from authentication.mfa import session_state
from authentication.models import Passkey
from authentication.next_url import get_next_url
from authentication.session_timeouts import BY_SSO_KEY
from core import clock_skew

_CEREMONY_SECONDS, _MAX_CEREMONIES = 600, 5
# Raised by the libraries for malformed responses, such as a number instead of an object.
_LIBRARY_ERRORS = (WebAuthnException, OTPWebAuthnApiError, LookupError, TypeError, ValueError, AttributeError)


class PasskeyRejected(Exception):
    """The browser's response does not match the challenge, this site, or a known passkey."""


@dataclass(frozen=True)
class Ceremony:
    """Registration or authentication in progress in this browser; `pop_pending` uses up its challenge."""

    request: HttpRequest
    state: dict[str, Any]

    @classmethod
    def begin_registration(cls, request: HttpRequest, user: User) -> dict[str, Any]:
        """Store a new challenge in the session; return the options for the browser to create a passkey for `user`."""
        options: dict[str, Any]
        options, state = _create_helper(request).register_begin(user)
        _save_ceremony(request, "make", user, state)
        return options

    @classmethod
    def begin_authentication(cls, request: HttpRequest, user: User | None) -> dict[str, Any]:
        """Do the same for authentication with a passkey of `user`, or of any user if None.

        Requires user verification where no password was given: without `user`, and in a session that an SSO ticket
        started.
        """
        options: dict[str, Any]
        is_alone = user is None or BY_SSO_KEY in request.session
        options, state = _create_helper(request).authenticate_begin(user=user, require_user_verification=is_alone)
        _save_ceremony(request, "show", user, state)
        return options

    @classmethod
    def pop_pending(cls, request: HttpRequest, purpose: str, user: User | None, credential: Any) -> "Ceremony":
        """Return the ceremony of `credential` that this session started for this purpose and user.

        Raises PasskeyRejected.
        """
        stored = request.session.get(_build_session_key(purpose), {}).pop(_read_challenge(credential), None)
        request.session.save()  # no challenge works twice, whatever happens next
        is_theirs = stored and stored["user"] == _format_user_id(user)
        if not (is_theirs and clock_skew.is_recent(stored["at"], within=_CEREMONY_SECONDS)):
            raise PasskeyRejected("no ceremony was begun here, or too long ago")
        return cls(request, stored["state"])

    def complete_registration(self, credential: Any, user: User) -> Passkey:
        return self._complete("register_complete", credential, user)

    def complete_authentication(self, credential: Any, user: User | None) -> Passkey:
        """Verify the response, record the use and return the passkey, of `user` if given. Raises PasskeyRejected."""
        return self._complete("authenticate_complete", credential, user)

    def _complete(self, method: str, credential: Any, user: User | None) -> Passkey:
        try:
            passkey: Passkey = getattr(_create_helper(self.request), method)(user, self.state, credential)
        except _LIBRARY_ERRORS as error:
            raise PasskeyRejected(type(error).__name__) from error
        return passkey


def build_script_settings(request: HttpRequest, *, step: str = "") -> dict[str, Any]:
    """Return the settings of the library's scripts; `step` is the name of the second step, or ANY_USER."""
    target = urlencode({"next": get_next_url(request)})
    query = f"?{urlencode({session_state.STEP_PARAMETER: step})}" if step else ""
    return {
        "csrfToken": get_token(request),
        "nextFieldSelector": "main input[name='next']",
        "autocompleteLoginFieldSelector": None,
        "beginRegistrationUrl": reverse("authentication:passkey_registration_begin"),
        "completeRegistrationUrl": f"{reverse('authentication:passkey_registration_complete')}?{target}",
        "beginAuthenticationUrl": f"{reverse('authentication:passkey_authentication_begin')}{query}",
        "completeAuthenticationUrl": f"{reverse('authentication:passkey_authentication_complete')}{query}",
    }


def _build_session_key(purpose: str) -> str:
    return f"passkey_{purpose}"


def _format_user_id(user: User | None) -> str:
    return str(user.pk) if user else ""


def _save_ceremony(request: HttpRequest, purpose: str, user: User | None, state: dict[str, Any]) -> None:
    ceremonies = request.session.get(_build_session_key(purpose), {})
    ceremonies[state["challenge"]] = {"user": _format_user_id(user), "at": int(time.time()), "state": state}
    request.session[_build_session_key(purpose)] = dict(list(ceremonies.items())[-_MAX_CEREMONIES:])


def _read_challenge(credential: Any) -> str:
    """Return the challenge that the browser's response names. Raises PasskeyRejected if it is malformed."""
    try:
        return str(json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))["challenge"])
    except (*_LIBRARY_ERRORS, RecursionError) as error:
        raise PasskeyRejected("no client data") from error


def _create_helper(request: HttpRequest) -> Any:
    # The library's helpers load the Passkey model of this app at import.
    from authentication.mfa.webauthn import PasskeyHelper

    return PasskeyHelper(request)
