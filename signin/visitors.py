"""Who comes to a page before we know him, and where he wants to go."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from audit.actors import Actor, Origin
from loket.middleware import client_address

_LONGEST = 2000  # what a program asks for takes a long address


def wanted_page(request: HttpRequest) -> str:
    """Return where to go afterwards: the address in `next` if it is one of ours, else the home page."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours and wanted.startswith("/") and len(wanted) <= _LONGEST else reverse("home")


def stranger(request: HttpRequest, origin: Origin = Origin.PAGE) -> Actor:
    """Return somebody who has not yet proved who he is."""
    correlation_id = getattr(request, "correlation_id", "")
    return Actor(origin=origin, name="", address=client_address(request), correlation_id=correlation_id)
