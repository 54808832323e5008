"""Re-authentication: how recently the user of a browser session proved who they are, and asking for it again.

Pages that change what users may do ask for a proof of at most 30 minutes ago, pages that change how users sign in of at
most 5 minutes. Actions ask the same of their actor (`Actor.require_proof`); the decorator only asks before a form is
filled in. `signin.middleware` turns the refusal of an action into the page that asks.
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
    """Note in the session that the user has just proved who they are; signing in does so as well.

    `with_factor` says that it was with an authenticator app, a passkey or at Microsoft, not with a password only.
    """
    request.session[_KEY] = int(time.time())
    request.session[_WITH_FACTOR] = with_factor


def is_by_sso(request: HttpRequest) -> bool:
    """Return whether an SSO ticket began this session, which by itself proves nothing."""
    return BY_SSO in request.session


def proves_nothing(request: HttpRequest) -> bool:
    """Return whether an SSO ticket began this session and its user confirmed nothing in it so far."""
    return is_by_sso(request) and _KEY not in request.session


def is_within(request: HttpRequest, seconds: float) -> bool:
    """Return whether the user of this session proved who they are within the last `seconds`."""
    confirmed_at = request.session.get(_KEY)
    return type(confirmed_at) is int and -SKEW.total_seconds() <= time.time() - confirmed_at < seconds


def evidence(request: HttpRequest) -> tuple[datetime | None, bool]:
    """Return when the user of this session last proved who they are, and whether with a factor or at Microsoft."""
    confirmed_at = request.session.get(_KEY)
    if type(confirmed_at) is not int:
        return None, False
    return datetime.fromtimestamp(confirmed_at, UTC), request.session.get(_WITH_FACTOR) is True


def proof_of(request: HttpRequest, user: User) -> Proof:
    """Return the strongest proof that `user` gave in this session; a second factor that exists must be passed too."""
    if passing.awaited(request) is not None:
        return Proof.NONE
    return max((proof for proof, seconds in SECONDS.items() if is_within(request, seconds)), default=Proof.NONE)


def reauthenticated(proof: Proof, *, with_factor: bool = False) -> Callable[[View], View]:
    """Ask for re-authentication before the page opens, unless `proof` was given; goes inside the access mark.

    `with_factor` accepts a second factor or Microsoft only, not a password: a website user without a second factor is
    told to set one up. What was typed is kept, see `ask`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: OfficeRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if with_factor and request.user.is_website_user and request.user.second_factor_at is None:
                return render(request, "signin/factors/needed.html", status=403)
            is_enough = proof_of(request, request.user) >= proof
            if is_enough and (not with_factor or request.session.get(_WITH_FACTOR) is True):
                return view(request, *args, **kwargs)
            return ask(request, request.user)

        wrapper.proof = proof  # type: ignore[attr-defined]
        return cast(View, wrapper)

    return decorate


def ask(request: HttpRequest, user: User) -> HttpResponse:
    """Return the redirect to the page that asks, which returns to this address; a POST goes on as it was typed."""
    target, key = request.get_full_path(), ""
    if request.method == "POST" and (key := pending_forms.keep(request, user.pk)):
        target = f"{reverse('signin:go_on')}?{urlencode({'next': target})}"
    elif request.method == "POST":
        target = pending_forms.form_page(request)
        text = _("Files and very long forms cannot be kept. Confirm that it is you, and send it again.")
        messages.warning(request, text)
    response = HttpResponseRedirect(f"{reverse('signin:confirm')}?{urlencode({'next': target})}")
    return pending_forms.give(response, key)
