"""Questions to DNS: TXT records, with a time limit for all questions of a check together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from dns.nameserver import Do53Nameserver
    from dns.resolver import Resolver

CHECK_SECONDS = 4.0  # seconds for all questions of one check, also in a web request
_QUESTION_SECONDS, _ATTEMPT_SECONDS = 2.0, 0.8  # seconds for a question, which is asked again when there is no answer
_EDNS_PAYLOAD = 1232  # bytes that no network splits; larger answers are asked again by TCP


class DnsLookup:
    """A resolver of one check, at LOKET_DNS_SERVERS or else the name servers of the machine."""

    def __init__(self, seconds: float = CHECK_SECONDS) -> None:
        self._end = time.monotonic() + seconds
        self._resolver: Resolver | None = None

    def find_texts(self, name: str) -> list[str] | None:
        """Return the TXT records of a full name, empty if there are none; None without an answer in time."""
        import dns.exception  # takes megabytes, and is needed for checks only
        import dns.resolver

        remaining = min(_QUESTION_SECONDS, self._end - time.monotonic())
        if remaining <= 0:
            return None
        try:
            self._resolver = self._resolver or _create_resolver()
            answer = self._resolver.resolve(f"{name}.", "TXT", lifetime=remaining, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError):  # no answer in time, or one that cannot be used
            return None
        return [b"".join(record.strings).decode("ascii", "replace") for record in answer]


def _create_resolver() -> Resolver:
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=not settings.LOKET_DNS_SERVERS)
    if settings.LOKET_DNS_SERVERS:
        resolver.nameservers = [_parse_server(text) for text in settings.LOKET_DNS_SERVERS]
    resolver.timeout = _ATTEMPT_SECONDS
    resolver.use_edns(0, 0, _EDNS_PAYLOAD)
    return resolver


def _parse_server(text: str) -> Do53Nameserver:
    from dns.nameserver import Do53Nameserver

    host, _hash, port = text.partition("#")
    return Do53Nameserver(host, int(port or 53))
