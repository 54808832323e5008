"""Having proved a moment ago who one is, for pages that are dangerous in the hands of a passer-by."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

MINUTES = 15
_KEY = "confirmed_at"

View = TypeVar("View", bound=Callable[..., HttpResponse])


def note(request: HttpRequest) -> None:
    """Write down in the session that the person has just proved who he is; signing in does so as well."""
    request.session[_KEY] = int(time.time())


def is_recent(request: HttpRequest) -> bool:
    """Return whether the person of this session proved within the last 15 minutes who he is."""
    confirmed_at = request.session.get(_KEY)
    return type(confirmed_at) is int and 0 <= time.time() - confirmed_at < MINUTES * 60


def recently_confirmed(view: View) -> View:
    """Have whoever did not prove recently who he is do so first, then return to the page.

    Goes inside the access mark. What was sent with a POST is not kept: the page that is returned to is the one at the
    same address, so the decorated view must answer GET as well.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_recent(request):
            return view(request, *args, **kwargs)
        return HttpResponseRedirect(f"{reverse('signin:confirm')}?{urlencode({'next': request.get_full_path()})}")

    return cast(View, wrapper)
