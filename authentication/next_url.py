"""The page to open after signing in (`next`)."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

_MAX_URL_LENGTH = 2000  # OAuth authorization requests have long URLs


def get_next_url(request: HttpRequest) -> str:
    """Return the address in `next` if it is on this site, else the home page."""
    target = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_ours and target.startswith("/") and len(target) <= _MAX_URL_LENGTH else reverse("home")
