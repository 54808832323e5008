"""Re-authentication in a browser session: time of the last one, and the redirect that asks for it again.

Pages that change what users may do require one in the last 30 minutes, pages that change how users sign in one in the
last 5 minutes. Actions enforce this on their actor (`Actor.require_proof`); the decorator asks before the user fills in
a form. `signin.middleware` redirects when an action raises ProofRequired.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actors import Proof
from loket.clocks import SKEW
from signin import pending_forms
from signin.expiry import BY_SSO
from signin.factors import passing
from teams.access import OfficeRequest

SECONDS = {Proof.HALF_HOUR: 30 * 60, Proof.FIVE_MINUTES: 5 * 60}
_KEY, _WITH_FACTOR = "confirmed_at", "confirmed_with_factor"

View = TypeVar("View", bound=Callable[..., HttpResponse])


def note(request: HttpRequest, *, with_factor: bool = False) -> None:
    """Record in the session that the user has just authenticated; signing in records it too.

    `with_factor` means with an authenticator app, a passkey or at Microsoft, not with a password only.
    """
    request.session[_KEY] = int(time.time())
    request.session[_WITH_FACTOR] = with_factor


def is_by_sso(request: HttpRequest) -> bool:
    """Return whether an SSO ticket started this session, which does not count as authentication by itself."""
    return BY_SSO in request.session


def proves_nothing(request: HttpRequest) -> bool:
    """Return whether an SSO ticket started this session and its user has not authenticated in it since."""
    return is_by_sso(request) and _KEY not in request.session


def is_within(request: HttpRequest, seconds: float) -> bool:
    """Return whether the user of this session authenticated within the last `seconds`."""
    confirmed_at = request.session.get(_KEY)
    return type(confirmed_at) is int and -SKEW.total_seconds() <= time.time() - confirmed_at < seconds


def evidence(request: HttpRequest) -> tuple[datetime | None, bool]:
    """Return when the user of this session last authenticated, and whether with a second factor or at Microsoft."""
    confirmed_at = request.session.get(_KEY)
    if type(confirmed_at) is not int:
        return None, False
    return datetime.fromtimestamp(confirmed_at, UTC), request.session.get(_WITH_FACTOR) is True


def proof_of(request: HttpRequest, user: User) -> Proof:
    """Return the strictest level that the session meets; an enrolled second factor must have been passed too."""
    if passing.awaited(request) is not None:
        return Proof.NONE
    return max((proof for proof, seconds in SECONDS.items() if is_within(request, seconds)), default=Proof.NONE)


def reauthenticated(proof: Proof, *, with_factor: bool = False) -> Callable[[View], View]:
    """Decorator that requires recent re-authentication; place it below the access decorator.

    `with_factor` accepts a second factor or Microsoft only, not a password: a website user without a second factor is
    told to set one up. A submitted form is kept, see `ask`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: OfficeRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if with_factor and request.user.is_website_user and request.user.second_factor_at is None:
                return render(request, "authentication/mfa/setup_required.html", status=403)
            is_enough = proof_of(request, request.user) >= proof
            if is_enough and (not with_factor or request.session.get(_WITH_FACTOR) is True):
                return view(request, *args, **kwargs)
            return ask(request, request.user)

        wrapper.proof = proof  # type: ignore[attr-defined]
        return cast(View, wrapper)

    return decorate


def ask(request: HttpRequest, user: User) -> HttpResponse:
    """Return the redirect to re-authentication, which returns to this page or offers to resubmit this POST."""
    target, key = request.get_full_path(), ""
    if request.method == "POST" and (key := pending_forms.keep(request, user.pk)):
        target = f"{reverse('signin:go_on')}?{urlencode({'next': target})}"
    elif request.method == "POST":
        target = pending_forms.form_page(request)
        text = _("Files and very long forms cannot be kept. Confirm it is you, and submit the form again.")
        messages.warning(request, text)
    response = HttpResponseRedirect(f"{reverse('signin:confirm')}?{urlencode({'next': target})}")
    return pending_forms.give(response, key)
