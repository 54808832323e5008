"""LMTP server (RFC 2033) by which a mail server on the same machine delivers bounces."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connection

from core.logs import format_traceback
from outbox import bounces

MAX_MAIL_BYTES = 1024 * 1024
_MAX_LINE_BYTES = 64 * 1024
_MAX_THREADS = 2
_MAX_PORT = 65535
_UNIX_PREFIX = "unix:"

log = structlog.get_logger("loket.outbox")


class ReportServer(LMTP):
    line_length_limit = _MAX_LINE_BYTES


class ReportHandler:
    """Accepts every mail, so that the mail server sends no bounce of its own; what is not signed is counted only."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_MAX_THREADS)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept one recipient; LMTP would require one answer for each of several."""
        if envelope.rcpt_tos:
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Receive a mail; the mail server keeps it and tries again if that fails."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _receive, envelope)
        except Exception as error:  # its text may hold an address
            log.error("report fault", error=type(error).__name__, traceback=format_traceback(error))
            return "451 4.3.0 try again later"
        return "250 2.0.0 accepted"


def _receive(envelope: Envelope) -> None:
    try:
        bounces.receive_report(envelope.rcpt_tos, bytes(envelope.original_content or b""))
    finally:
        connection.close()  # return it to the pool


def parse_listen_address(text: str) -> tuple[str, int] | str:
    """Return host and port, or the path of a socket. Raises ValueError unless it is on this machine."""
    if text.startswith(_UNIX_PREFIX):
        return text.removeprefix(_UNIX_PREFIX)
    host, _colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not ip_address(host).is_loopback or not 0 <= int(port) <= _MAX_PORT:
        raise ValueError("not a port of a loopback address")
    return host, int(port)


async def start_lmtp_server(address: tuple[str, int] | str) -> asyncio.Server:
    """Listen on an address from `parse_listen_address`. Raises OSError."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # of aiosmtpd, which names senders and recipients
    loop, handler = asyncio.get_running_loop(), ReportHandler()

    def build_protocol() -> ReportServer:
        return ReportServer(handler, data_size_limit=MAX_MAIL_BYTES, hostname="localhost", ident="Loket", loop=loop)

    if isinstance(address, str):
        return await loop.create_unix_server(build_protocol, address)
    return await loop.create_server(build_protocol, *address)
