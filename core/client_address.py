"""The network address of the client of a request, behind trusted proxies or not."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def get_client_address(request: HttpRequest) -> str:
    """Return the network address of the client.

    A hop of `X-Forwarded-For` is trusted only if the hop that reported it is one of LOKET_TRUSTED_PROXIES.
    """
    address = str(request.META.get("REMOTE_ADDR") or "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while hops and _is_trusted(address):
        address = hops.pop()
    return address if _is_address(address) else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str) -> bool:
    if not _is_address(address):
        return False
    return any(ip_address(address) in ip_network(proxy, strict=False) for proxy in settings.LOKET_TRUSTED_PROXIES)
