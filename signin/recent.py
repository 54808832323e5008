"""Having proved a moment ago who one is, for pages that are dangerous in the hands of a passer-by."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from teams.access import OfficeRequest

MINUTES, FACTOR_MINUTES = 15, 5
BY_SSO = "by_sso"
_KEY, _WITH_FACTOR = "confirmed_at", "confirmed_with_factor"

View = TypeVar("View", bound=Callable[..., HttpResponse])


def note(request: HttpRequest, *, with_factor: bool = False) -> None:
    """Write down in the session that the person has just proved who he is; signing in does so as well.

    `with_factor` says that it was with a device of his own, or at Microsoft, and not with a password only.
    """
    request.session[_KEY] = int(time.time())
    request.session[_WITH_FACTOR] = with_factor


def is_recent(request: HttpRequest, *, minutes: float = MINUTES) -> bool:
    """Return whether the person of this session proved within the last `minutes` who he is."""
    if is_by_sso(request):
        return False
    confirmed_at = request.session.get(_KEY)
    return type(confirmed_at) is int and 0 <= time.time() - confirmed_at < minutes * 60


def is_by_sso(request: HttpRequest) -> bool:
    """Return whether a portal opened this session, so that nobody proved here who he is."""
    return BY_SSO in request.session


def not_by_sso(view: View) -> View:
    """Keep whoever came in from a portal away from what he signs in with; goes inside the access mark."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return _not_here(request) if is_by_sso(request) else view(request, *args, **kwargs)

    return cast(View, wrapper)


def recently_confirmed(view: View) -> View:
    """Have whoever did not prove recently who he is do so first, then return to the page.

    Goes inside the access mark. What was sent with a POST is not kept: the page that is returned to is the one at the
    same address, so the decorated view must answer GET as well.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if is_recent(request) else _confirm_first(request)

    return cast(View, wrapper)


def recently_confirmed_with_factor(view: View) -> View:
    """Do the same for what asks more: proved within 5 minutes with one's own second factor, or at Microsoft.

    A website user without a second factor is told to set one up.
    """

    @wraps(view)
    def wrapper(request: OfficeRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_website_user and request.user.second_factor_at is None:
            return render(request, "signin/factors/needed.html", status=403)
        if is_recent(request, minutes=FACTOR_MINUTES) and request.session.get(_WITH_FACTOR) is True:
            return view(request, *args, **kwargs)
        return _confirm_first(request)

    return cast(View, wrapper)


def _not_here(request: HttpRequest) -> HttpResponse:
    return render(request, "signin/not_by_sso.html", status=403)


def _confirm_first(request: HttpRequest) -> HttpResponse:
    if is_by_sso(request):
        return _not_here(request)
    return HttpResponseRedirect(f"{reverse('signin:confirm')}?{urlencode({'next': request.get_full_path()})}")
