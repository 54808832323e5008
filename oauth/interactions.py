"""What a user still has to do before the response to an authorization request: sign in (again) or choose an account.

The request that comes back afterwards carries a signed note of how it was sent away, which counts only in the browser
that was sent away. So a new proof is one that this browser was asked for, not one of a moment before.
"""

import time
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import User
from authentication import reauthentication
from core import cookies, encryption
from oauth import authentication_context
from oauth.authorization_requests import AuthorizationRequest, get_prompt

_PARAMETER, _SALT = "interaction", "oauth interaction"
_COOKIE_NAME = "interaction"  # with the key of this browser
_NOTE_SECONDS = 30 * 60  # for signing in, with a second factor, and reading the consent page
_JUST_NOW_SECONDS = 60  # seconds in which a sign-in or re-authentication counts as just done
_READING_SECONDS = 300  # extra seconds that the consent page may stay open


def find_next_step(
    request: HttpRequest, user: User, authorization: AuthorizationRequest, *, is_consent: bool
) -> HttpResponse | None:
    """Return the redirect to where the user does what is missing before the request, None if nothing is."""
    parameters, prompt = authorization.parameters, authorization.prompt
    note = _read_note(request, parameters)
    is_new = _has_new_proof(request, note)
    if "select_account" in prompt and not is_new and note.get("account") != str(user.pk):
        return redirect(f"{reverse('oauth:select_account')}?{parameters.urlencode()}")
    is_enough = _was_asked(request, user) and is_new
    if "login" not in prompt and authorization.max_age is not None:
        spare = _READING_SECONDS if is_consent else 0
        seconds = (authorization.max_age or _JUST_NOW_SECONDS) + spare
        is_enough |= _was_asked(request, user) and reauthentication.was_reauthenticated_within(request, seconds)
    elif "login" not in prompt:
        is_enough = True
    if authentication_context.wants_factor(parameters) and _could_use_factor(request, user):
        is_enough = False
    if is_enough:
        return None
    key = _get_browser_key(request)
    target = _build_noted_address(request, parameters, key, account=note.get("account"))
    return _redirect(f"{reverse('authentication:reauthenticate')}?{urlencode({'next': target})}", key)


def redirect_to_login(request: HttpRequest, parameters: QueryDict) -> HttpResponse:
    """Redirect to the login page that leads back to the request, with the login hint filled in."""
    key, target = _get_browser_key(request), _build_address(parameters)
    asks = get_prompt(parameters) & {"login", "select_account"} or "max_age" in parameters
    if asks:
        target = _build_noted_address(request, parameters, key)
    hint = {"login_hint": parameters["login_hint"]} if "login_hint" in parameters else {}
    address = f"{reverse('authentication:login')}?{urlencode({'next': target, **hint})}"
    return _redirect(address, key) if asks else redirect(address)


def redirect_with_account(request: HttpRequest, parameters: QueryDict, user: User) -> HttpResponse:
    """Redirect to the request, for which `user` chose to go on with their account."""
    key = _get_browser_key(request)
    return _redirect(_build_noted_address(request, parameters, key, account=str(user.pk)), key)


def _build_noted_address(request: HttpRequest, parameters: QueryDict, key: str, *, account: str | None = None) -> str:
    """Return the address of the request with a note of now for the browser with this key."""
    note = {"request": _hash_request(parameters), "proof": _identify_proof(request), "at": int(time.time())}
    note |= {"account": account, "browser": encryption.hash_token(key)}
    noted = parameters.copy()
    noted[_PARAMETER] = signing.dumps(note, salt=_SALT)
    return _build_address(noted)


def _build_address(parameters: QueryDict) -> str:
    return f"{reverse('oauth:authorize')}?{parameters.urlencode()}"


def _get_browser_key(request: HttpRequest) -> str:
    """Return the key of this browser, the same for all its tabs; a new one if it has none."""
    key = cookies.get_signed_cookie(request, _COOKIE_NAME, salt=_SALT, max_age=_NOTE_SECONDS)
    return key or encryption.generate_token()


def _redirect(address: str, key: str) -> HttpResponse:
    response = redirect(address)
    cookies.set_signed_cookie(response, _COOKIE_NAME, key, salt=_SALT, max_age=_NOTE_SECONDS)
    return response


def _read_note(request: HttpRequest, parameters: QueryDict) -> dict[str, Any]:
    """Return the note on the request, {} without a valid one for this request and this browser."""
    try:
        note: dict[str, Any] = signing.loads(parameters.get(_PARAMETER, ""), salt=_SALT, max_age=_NOTE_SECONDS)
    except signing.BadSignature:
        return {}
    is_asked_here = note.get("browser") == encryption.hash_token(_get_browser_key(request))
    return note if is_asked_here and note["request"] == _hash_request(parameters) else {}


def _hash_request(parameters: QueryDict) -> str:
    pairs = sorted((name, values) for name, values in parameters.lists() if name != _PARAMETER)
    return encryption.hash_token(urlencode(pairs, doseq=True))


def _identify_proof(request: HttpRequest) -> str:
    """Return what changes with every authentication: its time, and the session key, which it renews."""
    authenticated_at, _with_factor = reauthentication.get_last_reauthentication(request)
    return encryption.hash_token(f"{authenticated_at} {request.session.session_key}") if authenticated_at else ""


def _has_new_proof(request: HttpRequest, note: dict[str, Any]) -> bool:
    authenticated_at, _with_factor = reauthentication.get_last_reauthentication(request)
    if not note or authenticated_at is None or _identify_proof(request) == note["proof"]:
        return False
    return bool(authenticated_at.timestamp() >= note["at"])


def _was_asked(request: HttpRequest, user: User) -> bool:
    """Return whether the user did something to authenticate: Microsoft may sign users in silently."""
    _at, with_factor = reauthentication.get_last_reauthentication(request)
    return with_factor or not user.is_azure_user


def _could_use_factor(request: HttpRequest, user: User) -> bool:
    """Return whether the user signed in here without a second factor, and has one or can be asked by Microsoft."""
    _at, with_factor = reauthentication.get_last_reauthentication(request)
    return not with_factor and (user.second_factor_at is not None or user.is_azure_user)
