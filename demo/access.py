"""Access to the pages of the demo, which are for users of this machine only."""

from ipaddress import ip_address

from django.conf import settings
from django.http import Http404, HttpRequest

from core.client_address import get_client_address


def require_demo(request: HttpRequest) -> None:
    """Raise Http404 unless this is the demo and the request comes from this machine without a proxy."""
    address = get_client_address(request)
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if not settings.LOKET_DEMO or forwarded or not address or not ip_address(address).is_loopback:
        raise Http404
