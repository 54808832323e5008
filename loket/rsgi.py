"""RSGI entry point for granian: `granian --interface rsgi loket.rsgi:application`.

With WSGI, granian reads bodies in worker threads without a time limit: four slow clients block a process of four
threads. With RSGI, granian's own interface, a body is read at a minimum rate before a thread is taken.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from core import db_availability, tracing
from core.client_address import get_client_address
from core.middleware import MAX_DISCARDED_BYTES, accepts_file
from core.postgresql import base as postgresql
from loket import wsgi

MAX_CONCURRENT_REQUESTS = 4  # requests processed at the same time
MAX_CONCURRENT_BODIES, MAX_BODIES_PER_ADDRESS = 256, 16  # read at the same time, in all and for one address
FILE_WEIGHT = 8  # bodies of forms that a file to import counts for: it is ten times as large, and kept in memory
BODY_GRACE_SECONDS = 10.0  # for any body
MIN_BODY_BYTES_PER_SECOND = 8 * 1024  # each 8 kB received gives one more second
SEND_TIMEOUT_SECONDS = 30.0  # for a client to accept one part of a streamed response
_PROBE_PATHS = ("/healthz", "/readyz", "/metrics")

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
log = structlog.get_logger("loket.access")


class _Refused(Exception):
    """The body is not read; the response says so in Dutch and English, because the language is not known yet."""

    status: int
    text: str


class _BodyTooSlow(_Refused):
    """The body arrives too slowly."""

    status = 408
    text = "Het versturen duurde te lang. Probeer het opnieuw. / Sending took too long. Try again.\n"


class _ClientDisconnected(Exception):
    """The client disconnected."""


class _TooManyBodies(_Refused):
    """Too many bodies are being read."""

    status = 503
    text = "Het is te druk. Probeer het over 5 seconden opnieuw. / Too busy. Try again in 5 seconds.\n"


class RsgiApplication:
    """WSGI application behind RSGI that reads each body before it takes a thread."""

    def __init__(self, application: Callable[[Environ, Callable[..., Any]], Iterable[bytes]]) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS, thread_name_prefix="work")
        self._probes = ThreadPoolExecutor(2, thread_name_prefix="probe")  # probes do not wait for other requests
        self._open_bodies = Counter[str]()  # number being read, by network address

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start watching the database; granian calls this in each serving process."""
        db_availability.start_watch(postgresql.ping_primary)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send the last traces; granian calls this when a serving process stops."""
        tracing.flush()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        environ = build_environ(scope)
        try:
            await self._read_body(environ, protocol)
        except (_ClientDisconnected, ProtocolClosed):
            return
        except _Refused as error:
            log.warning("slow client", status=error.status)
            headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close"), ("retry-after", "5")]
            protocol.response_str(error.status, headers, error.text)
            return
        loop = asyncio.get_running_loop()
        threads = self._probes if environ["PATH_INFO"] in _PROBE_PATHS else self._threads
        await loop.run_in_executor(threads, self._respond, environ, protocol, loop)

    async def _read_body(self, environ: Environ, protocol: Any) -> None:
        """Read the body into `environ`. A body that is too long is discarded, and the application rejects it."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if not length:
            return
        most = settings.LOKET_IMPORT_MAX_SIZE if accepts_file(environ["PATH_INFO"]) else None
        is_kept = length <= (most or settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        weight = FILE_WEIGHT if is_kept and length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE else 1
        with self._reserve_body_slot(get_client_address(WSGIRequest(environ)), weight):
            async for part in _iter_body_parts(protocol, most=length if is_kept else MAX_DISCARDED_BYTES):
                if is_kept:
                    environ["wsgi.input"].write(part)
        if is_kept and environ["wsgi.input"].tell() < length:
            raise _ClientDisconnected
        environ["wsgi.input"].seek(0)

    @contextmanager
    def _reserve_body_slot(self, address: str, weight: int) -> Iterator[None]:
        if (
            self._open_bodies.total() + weight > MAX_CONCURRENT_BODIES
            or self._open_bodies[address] + weight > MAX_BODIES_PER_ADDRESS
        ):
            raise _TooManyBodies
        self._open_bodies[address] += weight
        try:
            yield
        finally:
            self._open_bodies[address] -= weight
            if not self._open_bodies[address]:
                del self._open_bodies[address]

    def _respond(self, environ: Environ, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Run the application and send its response, all in this thread: the database connection is bound to it."""
        began: list[tuple[int, Headers]] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> None:
            began.append((int(status.split(maxsplit=1)[0]), headers))

        response = self._application(environ, start)
        try:
            status, headers = began[-1]
            is_whole = any(name.lower() == "content-length" for name, _value in headers)
            if is_whole or not getattr(response, "streaming", True):
                protocol.response_bytes(status, headers, b"".join(response))
                return
            transport = protocol.response_stream(status, headers)
            with suppress(ProtocolClosed):
                for part in response:
                    asyncio.run_coroutine_threadsafe(_send_part(transport, part), loop).result()
        except TimeoutError:
            log.warning("slow client", status=status)
        finally:
            if hasattr(response, "close"):
                response.close()


async def _iter_body_parts(protocol: Any, *, most: int) -> Any:
    """Yield the parts of the body, up to about `most` bytes. Raises _BodyTooSlow."""
    loop, received = asyncio.get_running_loop(), 0
    began, parts = loop.time(), aiter(protocol)
    while received < most:
        try:
            async with asyncio.timeout_at(began + BODY_GRACE_SECONDS + received / MIN_BODY_BYTES_PER_SECOND):
                part = await anext(parts)
        except TimeoutError:
            raise _BodyTooSlow from None
        except StopAsyncIteration:
            return
        received += len(part)
        yield part


async def _send_part(transport: Any, part: bytes) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
        await transport.send_bytes(part)


def build_environ(scope: Any) -> Environ:
    """Return the WSGI environ of a request (PEP 3333), with an empty body."""
    server = urlsplit(f"//{scope.server}")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.hostname or "",
        "SERVER_PORT": str(server.port or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue  # it would pass for the header with a hyphen, which a proxy sets
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    return environ


application = RsgiApplication(wsgi.application)
