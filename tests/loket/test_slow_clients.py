"""Slow clients of the web server as it is shipped; without a database, so that only threads matter."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIRequest

from core.processes import build_granian_arguments
from loket import rsgi
from tests.helpers.servers import own_environment
from tests.outbox.test_killed_processes import free_port

STATIC = next((django_settings.BASE_DIR / "static").rglob("*.css")).relative_to(django_settings.BASE_DIR)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the web server."""
    port, folder = free_port(), tmp_path_factory.mktemp("slow")
    # No database listens at the address: a form is refused before the first query.
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *build_granian_arguments(port)],
            cwd=django_settings.BASE_DIR, env=own_environment(folder), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            with suppress(requests.RequestException):
                requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            assert time.monotonic() < deadline, Path(folder / "log").read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def send_head(port: int, length: int, source: str = "127.0.0.1", body: bytes = b"") -> socket.socket:
    """Send the header of a form, and in the same segment so much of its body."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
    client.sendall(f"POST /inloggen/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode() + body)
    return client


def answers(port: int) -> None:
    """Check that a page is served immediately."""
    for path in ("/healthz", f"/{STATIC}"):
        began = time.monotonic()
        assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
        assert time.monotonic() - began < 1


def posts(port: int, source: str) -> int:
    """Return the status of another client's form, which has no token."""
    with send_head(port, 3, source, b"a=b") as client:
        client.settimeout(5)
        return status(client)


def refused(clients: list[socket.socket]) -> list[int]:
    """Return the statuses of those that were answered immediately."""
    time.sleep(0.5)
    return [status(client) for client in select(clients, [], [], 0)[0]]


def status(client: socket.socket) -> int:
    return int(client.recv(1000).split()[1])


@pytest.mark.slow
@pytest.mark.parametrize("length", [1000, 3_000_000])
def test_slow_bodies_block_no_other_request_and_are_ended(port: int, length: int) -> None:
    with ExitStack() as stack:
        began = time.monotonic()
        slow = [stack.enter_context(send_head(port, length)) for _number in range(rsgi.MAX_BODIES_PER_ADDRESS)]
        for client in slow[::2]:
            client.sendall(b"x" * 20)
        answers(port)
        assert posts(port, "127.0.0.2") == 403
        assert [status(client) for client in slow] == [408] * len(slow)
        assert rsgi.BODY_GRACE_SECONDS - 1 < time.monotonic() - began < rsgi.BODY_GRACE_SECONDS + 5
        answers(port)


@pytest.mark.slow
def test_one_address_does_not_take_all_places(port: int) -> None:
    with ExitStack() as stack:
        many = range(rsgi.MAX_BODIES_PER_ADDRESS + 2)
        slow = [stack.enter_context(send_head(port, 1000, "127.0.2.1")) for _number in many]
        assert refused(slow) == [503, 503]
        assert posts(port, "127.0.2.2") == 403
    time.sleep(0.5)
    assert posts(port, "127.0.2.1") == 403, "they hung up"


@pytest.mark.slow
def test_there_are_places_for_so_many(port: int) -> None:
    with ExitStack() as stack:
        many = range(rsgi.MAX_CONCURRENT_BODIES + 3)
        slow = [stack.enter_context(send_head(port, 1000, f"127.0.3.{number % 100 + 1}")) for number in many]
        assert refused(slow) == [503] * 3
        answers(port)


@pytest.mark.slow
def test_a_body_that_comes_at_the_rate_is_taken(port: int) -> None:
    with send_head(port, 130_000, "127.0.4.1") as client:
        for _part in range(13):
            client.sendall(b"a" * 10_000)
            time.sleep(1)
        assert status(client) == 403, "it took longer than FIRST_SECONDS"


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_a_socket_that_says_nothing_is_closed(port: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(said)
        began = time.monotonic()
        while client.recv(1000):
            pass  # 408 of granian, perhaps
        assert time.monotonic() - began < 15


@pytest.mark.slow
def test_a_body_that_is_too_long_is_refused_with_a_page(port: int) -> None:
    response = requests.post(f"http://localhost:{port}/inloggen/", data=b"a" * 9_000_000, timeout=20)
    assert response.status_code == 400
    assert "<html" in response.text


@dataclass
class Protocol:
    """What granian is told about a response."""

    sent: list[bytes] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    seconds: float = 0.0  # to take a part

    def response_bytes(self, status: int, headers: rsgi.Headers, body: bytes) -> None:
        self.sent.append(body)

    def response_stream(self, status: int, headers: rsgi.Headers) -> "Protocol":
        return self

    async def send_bytes(self, part: bytes) -> None:
        await asyncio.sleep(self.seconds)
        self.sent.append(part)


def answer(protocol: Protocol, headers: rsgi.Headers) -> bool:
    """Answer a request in three parts; return whether the response was closed."""

    class Answer:
        is_closed = False

        def __iter__(self) -> Iterator[bytes]:
            for part in (b"a", b"b", b"c"):
                protocol.threads.add(threading.get_ident())
                yield part

        def close(self) -> None:
            self.is_closed = True

    made = Answer()

    def application(environ: rsgi.Environ, start: Any) -> Answer:
        protocol.threads.add(threading.get_ident())
        start("200 OK", headers)
        return made

    scope = Scope()
    scope.headers = SimpleNamespace(items=list)  # type: ignore[assignment]
    asyncio.run(rsgi.RsgiApplication(application).__rsgi__(scope, protocol))
    assert len(protocol.threads) == 1, "a database connection belongs to its thread"
    return made.is_closed


@pytest.mark.parametrize(("headers", "sent"), [([], [b"a", b"b", b"c"]), ([("Content-Length", "3")], [b"abc"])])
def test_an_answer_is_sent_part_by_part_unless_its_length_is_known(headers: rsgi.Headers, sent: list[bytes]) -> None:
    protocol = Protocol()
    assert answer(protocol, headers)
    assert protocol.sent == sent


class Slow(Protocol):
    """A client that sends no part of its body."""

    status: int | None = None

    def __aiter__(self) -> "Slow":
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0.5)
        raise StopAsyncIteration

    def response_str(self, status: int, headers: rsgi.Headers, text: str) -> None:
        self.status = status


async def send_slowly(number: int, path: str = "/gebruikers/", length: int = 9) -> list[int | None]:
    """Send this many simultaneous forms without a body; return the status of each."""
    application, scope, clients = (
        rsgi.RsgiApplication(lambda environ, start: []),
        Scope(),
        [Slow() for _one in range(number)],
    )
    scope.path = path
    scope.headers = SimpleNamespace(items=lambda: [("content-length", str(length))])  # type: ignore[assignment]
    await asyncio.gather(*(application.__rsgi__(scope, client) for client in clients))
    return [client.status for client in clients]


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi, "BODY_GRACE_SECONDS", 0.1)
    assert asyncio.run(send_slowly(2)) == [408, 408]


@pytest.mark.slow
def test_one_address_has_so_many_bodies_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi, "MAX_BODIES_PER_ADDRESS", 2)
    assert asyncio.run(send_slowly(3)) == [None, None, 503], "the first two hung up"


@pytest.mark.slow
def test_files_of_one_address_fill_no_memory() -> None:
    """An uploaded file is read before the sender is known."""
    form, most = len("a=b"), rsgi.MAX_BODIES_PER_ADDRESS // rsgi.FILE_WEIGHT
    upload, size = "/gebruikers/importeren/", django_settings.LOKET_IMPORT_MAX_SIZE
    assert asyncio.run(send_slowly(most + 1, upload, size)) == [None] * most + [503]
    assert asyncio.run(send_slowly(most + 1, upload, form)) == [None] * (most + 1)


def test_a_client_that_takes_no_part_holds_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi, "SEND_TIMEOUT_SECONDS", 0.1)
    protocol = Protocol(seconds=60)
    assert answer(protocol, [])
    assert protocol.sent == []


class Scope:
    """What granian says about a request."""

    method, path, query_string, http_version, scheme = "POST", "/gebruikers/é/", "q=%C3%A9", "1.1", "http"
    server, client = "127.0.0.1:8000", "[2001:db8::1]:4711"
    headers = dict[str, str]()


def test_the_request_becomes_one_of_wsgi() -> None:
    given = [
        ("host", "loket.example"), ("content-length", "3"), ("content-type", "text/plain"), ("cookie", "a=1"),
        ("cookie", "b=2"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2"),
        ("x_forwarded_for", "198.51.100.1"),
    ]  # fmt: skip
    scope = Scope()
    scope.headers = SimpleNamespace(items=lambda: given)  # type: ignore[assignment]
    request = WSGIRequest(rsgi.build_environ(scope))
    assert (request.method, request.path, request.GET["q"]) == ("POST", "/gebruikers/é/", "é")
    assert request.META["REMOTE_ADDR"] == "2001:db8::1"
    assert request.COOKIES == {"a": "1", "b": "2"}
    assert request.headers["X-Forwarded-For"] == "192.0.2.1,192.0.2.2"
    assert (request.headers["Host"], request.content_type) == ("loket.example", "text/plain")
    assert (request.META["SERVER_NAME"], request.META["SERVER_PORT"]) == ("127.0.0.1", "8000")
