"""POSTs to receivers that answer as slowly, as long or as little as they can."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, repeat
from pathlib import Path
from socket import create_server, socket
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Thread
from typing import Any

import pytest
import requests

from outbox import posts
from tests.authentication.microsoft.test_sign_in_browser import certificate_in

OK = b"HTTP/1.1 200 OK\r\n"
HEADERS: list[Callable[[], Iterator[bytes]]] = [
    lambda: iter([OK + b"X: "]),
    lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    lambda: (OK if number == 0 else b"x" for number in count()),
    lambda: (OK if number == 0 else b"X: x\r\n" for number in range(90)),
    lambda: iter([b"H"]),
]


@contextmanager
def answering(parts: Iterator[bytes], tls: SSLContext | None = None) -> Iterator[int]:
    """A server that sends a part every fifth of a second, for 8 seconds at most. Yields its port."""

    def answer() -> None:
        with suppress(OSError):
            accepted, _address = server.accept()
            connected: socket = tls.wrap_socket(accepted, server_side=True) if tls else accepted
            with connected:
                connected.recv(65536)
                end = time.monotonic() + 8
                for part in parts:
                    connected.sendall(part)
                    time.sleep(0.2)
                    if time.monotonic() > end:
                        return
                while time.monotonic() < end and connected.recv(65536):
                    pass

    with create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("parts", HEADERS)
def test_a_receiver_that_drips_is_given_up(parts: Callable[[], Iterator[bytes]]) -> None:
    with answering(parts()) as port:
        start = time.monotonic()
        with pytest.raises(requests.RequestException):
            posts.post_form(f"http://127.0.0.1:{port}/", {"a": "b"}, timeout=1)
        assert 0.9 < time.monotonic() - start < 3


@pytest.mark.slow
def test_the_same_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = certificate_in(tmp_path)
    tls = SSLContext(PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    with answering(iter([OK + b"\r\n"]), tls) as port:
        assert posts.post_form(f"https://127.0.0.1:{port}/", {"a": "b"}, timeout=1) == 200
    for parts in HEADERS:
        with answering(parts(), tls) as port:
            start = time.monotonic()
            with pytest.raises(requests.Timeout):
                posts.post_form(f"https://127.0.0.1:{port}/", {"a": "b"}, timeout=1)
            assert 0.9 < time.monotonic() - start < 3


@pytest.mark.slow
@pytest.mark.parametrize("status", [b"200 OK", b"302 Found\r\nLocation: http://127.0.0.1:1/", b"500 X"])
def test_the_body_is_not_read(status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 99999999\r\n\r\n"
    with answering(head if number == 0 else b"x" * 1000 for number in count()) as port:
        start = time.monotonic()
        found = posts.post_form(f"http://127.0.0.1:{port}/", {"a": "b"}, timeout=1)
        assert (found, time.monotonic() - start < 1) == (int(status[:3]), True)


@pytest.mark.slow
def test_many_addresses_take_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    with create_server(("", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket() for _number in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        found = [(2, 1, 6, "", (f"127.0.0.{number}", port)) for number in range(1, 9)]
        monkeypatch.setattr(posts, "getaddrinfo", lambda *_args, **_options: found)
        start = time.monotonic()
        with pytest.raises(requests.RequestException):
            posts.post_form(f"http://receiver.example:{port}/", {"a": "b"}, timeout=1)
        assert time.monotonic() - start < 2
        for client in waiting:
            client.close()


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.5"], ["93.184.215.14", "127.0.0.1"], ["64:ff9b::7f00:1"], ["127.0.0.1", "::1"]],
)
def test_nothing_is_learned_of_a_private_network(
    settings: Any, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    settings.LOKET_URL = "https://loket.example"
    with create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        opened = server.getsockname()[1]
        for port in (opened, 1):
            found = [(0, 1, 6, "", (address, port)) for address in addresses]
            monkeypatch.setattr(posts, "getaddrinfo", lambda *_args, found=found, **_options: found)
            with pytest.raises(posts.AddressNotPublic):
                posts.post_form(f"http://receiver.example:{port}/", {"a": "b"}, timeout=1)
        with pytest.raises(BlockingIOError):  # there was no connection
            server.accept()


@pytest.mark.slow
@pytest.mark.parametrize("host", ["x" * 64 + ".example", "nowhere.invalid"])
def test_a_name_without_address_is_an_error_of_the_request(host: str) -> None:
    with pytest.raises(requests.RequestException):
        posts.post_form(f"http://{host}/", {"a": "b"}, timeout=1)
