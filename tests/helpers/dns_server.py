"""A name server on loopback that speaks DNS over UDP, whose records and behavior a test changes while it runs."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

MAX_STRING_BYTES = 255  # of one string in a TXT record (RFC 1035, 3.3.14)


@dataclass
class NameServer:
    """TXT records by lower-case name, and names for which the server does not answer or fails."""

    records: dict[str, list[str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, wire: bytes) -> bytes | None:
        """Return the answer to one question, or None for none."""
        question = dns.message.from_wire(wire)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        if name in self.silent or "*" in self.silent:
            return None
        response = dns.message.make_response(question)
        response.flags |= dns.flags.RA
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.question[0].rdtype == dns.rdatatype.TXT and self.records[name]:
            texts = [_quote(text) for text in self.records[name]]
            response.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", *texts))
        return response.to_wire()

    def find_text(self, name: bytes, timeout: int = 5) -> bytes | None:
        """Return a TXT record as `dkim.verify` asks for it: through a resolver that asks this server."""
        import dns.resolver

        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        try:
            answer = resolver.resolve(name.decode(), "TXT", lifetime=timeout)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        return b"".join(answer[0].strings)


def _quote(text: str) -> str:
    parts = [text[at : at + MAX_STRING_BYTES] for at in range(0, len(text), MAX_STRING_BYTES)]
    return " ".join(f'"{part}"' for part in parts)


def running_name_server() -> Iterator[NameServer]:
    """Run a name server on a free port on loopback."""
    server, stop = NameServer(), Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        door.settimeout(0.01)
        server.port = door.getsockname()[1]

        def serve() -> None:
            while not stop.is_set():
                try:
                    wire, client = door.recvfrom(4096)
                    response = server.answer(wire)
                except (TimeoutError, dns.exception.DNSException):
                    continue
                if response is not None:
                    door.sendto(response, client)

        thread = Thread(target=serve)
        thread.start()
        yield server
        stop.set()
        thread.join()


@pytest.fixture
def name_server(settings: Any) -> Iterator[NameServer]:
    """A name server that the application asks."""
    for server in running_name_server():
        settings.LOKET_DNS_SERVERS = [f"127.0.0.1#{server.port}"]
        yield server
