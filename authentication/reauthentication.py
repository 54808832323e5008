"""Re-authentication in a browser session: time of the last one, and the redirect that asks for it again.

Pages that change what users may do require one in the last 30 minutes, pages that change how users sign in one in the
last 5 minutes. Actions enforce this on their actor (`Actor.require_reauthentication`); the policy of a page asks before
the user fills in a form. `authentication.middleware` does both.
"""

import time
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from authentication import pending_forms
from authentication.mfa import session_state
from authentication.session_timeouts import BY_SSO_KEY
from core import clock_skew
from core.access import ReauthenticationLevel
from permissions.access import OfficeRequest

LEVEL_MAX_AGE_SECONDS = {ReauthenticationLevel.HALF_HOUR: 30 * 60, ReauthenticationLevel.FIVE_MINUTES: 5 * 60}
_CONFIRMED_AT_KEY, _WITH_FACTOR_KEY = "confirmed_at", "confirmed_with_factor"


def record_reauthentication(request: HttpRequest, *, with_factor: bool = False) -> None:
    """Record in the session that the user has just authenticated; signing in records it too.

    `with_factor` means with an authenticator app, a passkey or at Microsoft, not with a password only.
    """
    request.session[_CONFIRMED_AT_KEY] = int(time.time())
    request.session[_WITH_FACTOR_KEY] = with_factor


def is_sso_session(request: HttpRequest) -> bool:
    """Return whether an SSO ticket started this session, which does not count as authentication by itself."""
    return BY_SSO_KEY in request.session


def is_unconfirmed_sso_session(request: HttpRequest) -> bool:
    """Return whether an SSO ticket started this session and its user has not authenticated in it since."""
    return is_sso_session(request) and _CONFIRMED_AT_KEY not in request.session


def was_reauthenticated_within(request: HttpRequest, seconds: float) -> bool:
    confirmed_at = request.session.get(_CONFIRMED_AT_KEY)
    return type(confirmed_at) is int and clock_skew.is_recent(confirmed_at, within=seconds)


def get_last_reauthentication(request: HttpRequest) -> tuple[datetime | None, bool]:
    """Return when the user of this session last authenticated, and whether with a second factor or at Microsoft."""
    confirmed_at = request.session.get(_CONFIRMED_AT_KEY)
    if type(confirmed_at) is not int:
        return None, False
    return datetime.fromtimestamp(confirmed_at, UTC), request.session.get(_WITH_FACTOR_KEY) is True


def get_reauthentication_level(request: HttpRequest, user: User) -> ReauthenticationLevel:
    """Return the strictest level that the session meets; an enrolled second factor must have been passed too."""
    if session_state.get_pending_user(request) is not None:
        return ReauthenticationLevel.NONE
    return max(
        (proof for proof, seconds in LEVEL_MAX_AGE_SECONDS.items() if was_reauthenticated_within(request, seconds)),
        default=ReauthenticationLevel.NONE,
    )


def require_recent(
    request: OfficeRequest, proof: ReauthenticationLevel, *, with_factor: bool = False
) -> HttpResponse | None:
    """Return None after recent re-authentication, otherwise the response that asks for it and keeps a submitted form.

    `with_factor` accepts a second factor or Microsoft only, not a password: a website user without a second factor is
    told to set one up.
    """
    if with_factor and request.user.is_website_user and request.user.second_factor_at is None:
        return render(request, "authentication/mfa/setup_required.html", status=403)
    is_enough = get_reauthentication_level(request, request.user) >= proof
    if is_enough and (not with_factor or request.session.get(_WITH_FACTOR_KEY) is True):
        return None
    return redirect_to_reauthentication(request, request.user)


def redirect_to_reauthentication(request: HttpRequest, user: User) -> HttpResponse:
    """Return the redirect to re-authentication, which returns to this page or offers to resubmit this POST."""
    target, saved = request.get_full_path(), None
    if request.method == "POST" and (saved := pending_forms.save_form(request, user.pk)):
        target = saved.url
    elif request.method == "POST":
        target = pending_forms.get_form_url(request)
        text = _("Files and very long forms cannot be kept. Confirm it is you, and submit the form again.")
        messages.warning(request, text)
    response = HttpResponseRedirect(f"{reverse('authentication:reauthenticate')}?{urlencode({'next': target})}")
    return pending_forms.set_form_cookie(response, saved)
