"""Which domains an office can send from: those below a public suffix, and none of ours."""

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from outbox.senders import get_own_address

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


def find_registrable_domain(domain: str) -> str:
    """Return the part of a domain that its holder registered, or "" for a public suffix such as `co.uk`."""
    return _load_suffixes().privatesuffix(domain) or ""


def get_envelope_domain() -> str:
    """Return the domain at which receiving mail servers check SPF, of our own."""
    return settings.LOKET_BOUNCE_DOMAIN or get_own_address().rpartition("@")[2].lower()


def is_own_domain(domain: str) -> bool:
    """Return whether a domain is ours, or below one of ours."""
    ours = {get_own_address().rpartition("@")[2], settings.LOKET_BOUNCE_DOMAIN, urlsplit(settings.LOKET_URL).hostname}
    return any(domain == own or domain.endswith(f".{own}") for own in (name.lower() for name in ours if name))


@cache
def _load_suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # takes 2 MB

    return PublicSuffixList()
