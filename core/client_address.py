"""The network address of the client of a request, behind trusted proxies or not."""

import re
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

_ADDRESS_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+")


def get_client_address(request: HttpRequest) -> str:
    """Return the network address of the client.

    A hop of `X-Forwarded-For` is trusted only if the hop that reported it is one of LOKET_TRUSTED_PROXIES.
    """
    address = _parse_address(str(request.META.get("REMOTE_ADDR") or ""))
    hops = [hop for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while hops and _is_trusted(address):
        address = _parse_address(hops.pop())
    return address


def comes_from_trusted_proxy(request: HttpRequest) -> bool:
    """Return whether LOKET_TRUSTED_PROXIES has the address that this request came from."""
    return _is_trusted(_parse_address(str(request.META.get("REMOTE_ADDR") or "")))


def _parse_address(text: str) -> str:
    """Return an address without port, brackets and zone, or "" for anything else.

    Some proxies add the port (Azure Application Gateway), and a socket of both protocols shows IPv4 mapped to IPv6.
    """
    host = text.strip()
    if with_port := _ADDRESS_WITH_PORT.fullmatch(host):
        host = with_port[1] or with_port[2]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)


def _is_trusted(address: str) -> bool:
    if not address:
        return False
    return any(ip_address(address) in ip_network(proxy, strict=False) for proxy in settings.LOKET_TRUSTED_PROXIES)
