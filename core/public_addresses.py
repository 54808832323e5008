"""Which addresses the server may call when an office chose them: none inside a private network."""

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from django.conf import settings

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


def is_public_ip(address: str) -> bool:
    """Return whether an IP address is public. Loopback counts as such if this site itself is there."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return urlsplit(settings.LOKET_URL).hostname in LOOPBACK_HOSTS
    return found.is_global and not found.is_multicast


def may_be_public_host(host: str) -> bool:
    """Return False for a host that is known to be private without asking DNS."""
    try:
        return is_public_ip("127.0.0.1" if host == "localhost" else host)
    except ValueError:  # a name
        return True
