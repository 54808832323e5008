"""Having support show that it is really its person who asks, before anything is done."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpResponse

from signin.recent import recently_confirmed, recently_confirmed_with_factor
from teams.access import OfficeRequest

View = Callable[..., HttpResponse]


def confirmed(view: View) -> View:
    """Have support show its second factor first; in the demo, where it may have none, its password."""
    by_factor, by_password = recently_confirmed_with_factor(view), recently_confirmed(view)

    @wraps(view)
    def wrapper(request: OfficeRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        without = settings.LOKET_DEMO and request.user.second_factor_at is None
        return (by_password if without else by_factor)(request, *args, **kwargs)

    return wrapper
