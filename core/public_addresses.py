"""Which addresses the server may call when an office chose them: none inside a private network."""

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
_GLOBAL_IPV6 = ip_network("2000::/3")  # all that is assigned (RFC 4291); others can hold a private IPv4 address
_NOT_PUBLIC = [
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # RFC 6890: of the network itself
        "192.88.99.0/24",  # RFC 7526: relays to 6to4
        "168.63.129.16/32",  # of Azure itself, reached from every machine there
        "2001::/23",  # RFC 2928: of protocols, among them Teredo, which holds an IPv4 address
        "2002::/16",  # RFC 3056: 6to4, which holds an IPv4 address
        "3fff::/20",  # RFC 9637: of examples
    )
]


def is_public_ip(address: str) -> bool:
    """Return whether an IP address is public. Loopback counts as such if this site itself is there."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return urlsplit(settings.LOKET_URL).hostname in LOOPBACK_HOSTS
    if isinstance(found, IPv6Address) and found not in _GLOBAL_IPV6:
        return False
    return found.is_global and not found.is_multicast and not any(found in network for network in _NOT_PUBLIC)


def may_be_public_host(host: str) -> bool:
    """Return False for a host that is known to be private without asking DNS."""
    try:
        return is_public_ip("127.0.0.1" if host == "localhost" else host)
    except ValueError:  # a name
        return True
