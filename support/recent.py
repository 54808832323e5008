"""Re-authentication for the support pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpResponse

from audit.actors import Proof
from signin.reauthentication import reauthenticated
from teams.access import OfficeRequest

View = Callable[..., HttpResponse]


def confirmed(view: View) -> View:
    """Require recent re-authentication with a second factor; in the demo, a password suffices without one."""
    by_factor = reauthenticated(Proof.FIVE_MINUTES, with_factor=True)(view)
    by_password = reauthenticated(Proof.FIVE_MINUTES)(view)

    @wraps(view)
    def wrapper(request: OfficeRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        without = settings.LOKET_DEMO and request.user.second_factor_at is None
        return (by_password if without else by_factor)(request, *args, **kwargs)

    return wrapper
