"""A real mail server and a real SMS gateway on loopback, whose behavior a test changes while they run."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Lock
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response


def own_environment(folder: Path) -> dict[str, str]:
    """Return an environment for product processes that keep all data in `folder` and send nothing out."""
    ours = ("DATABASE_URL", "EMAIL_URL", "SMS_URL", "LOKET_", "ANYMAIL_", "DJANGO_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return environment | {"LOKET_DATA_DIR": str(folder), "EMAIL_URL": "smtp://127.0.0.1:1"}


@dataclass
class MailServer:
    """Received mails, and the behavior of the server: accept, refuse, defer, disconnect, slow or hold.

    A server that holds keeps every mail until it is told to accept.
    """

    behaviour: str = "accept"
    seconds: float = 2.0  # delay of the behavior `slow`
    reply: str = "550 5.1.1 <p.deboer@devries.example>: mailbox p.deboer unknown"
    mails: list[EmailMessage] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)  # of the envelopes
    hangs_for: str = ""  # the domain of recipients for which the server hangs
    held: int = 0  # mails being received
    port: int = 0

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Handle a recipient."""
        if self.behaviour == "refuse":
            return self.reply
        if self.behaviour == "defer":
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Handle a mail."""
        if self.behaviour == "slow":
            await asyncio.sleep(self.seconds)
        self.held += 1
        to = envelope.rcpt_tos[0].rpartition("@")[2]
        while self.behaviour == "hold" or (self.hangs_for and to == self.hangs_for):
            await asyncio.sleep(0.01)
        self.held -= 1
        self.contents.append(cast(bytes, envelope.content))
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        self.senders.append(str(envelope.mail_from))
        return "250 taken"


class _Smtp(SMTP):
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self.event_handler.behaviour == "disconnect":
            await self.push("354 go on")
            cast(asyncio.WriteTransport, self.transport).abort()
            return
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Smtp(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]  # it was given 0: any that is free
        super()._trigger_server()  # type: ignore[no-untyped-call]


def running_mail_server(host: str = "127.0.0.1") -> Iterator[MailServer]:
    """Run a mail server on a free port of an address of this machine."""
    logging.getLogger("mail.log").setLevel("ERROR")  # aiosmtpd's own, which would name every recipient
    server = MailServer()
    controller = _Controller(server, hostname=host, port=0, ready_timeout=10)
    controller.start()
    server.port = controller.port
    yield server
    controller.stop()


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """A mail server that the application sends through."""
    for server in running_mail_server():
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.DEFAULT_FROM_EMAIL = "loket@loket.example"
        yield server


class QuickServer(HTTPServer):
    """An HTTP server that stops at once: by default it looks twice a second whether it should."""

    def thread_target(self) -> None:
        assert self.server is not None
        self.server.serve_forever(poll_interval=0.01)


@dataclass
class SmsGateway:
    """Received SMS messages, and the behavior of the gateway: a status, and seconds to wait first.

    A gateway that does not answer accepts the message and hangs up.
    """

    url: str = ""  # as SMS_URL has it
    status: int = 200
    seconds: float = 0.0
    answers: bool = True
    at_once: int = 0  # the most being received at the same time
    held: int = 0
    lock: Lock = field(default_factory=Lock)
    asked: list[str] = field(default_factory=list)  # keys of all requests, including refused ones
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of idempotency

    def answer(self, request: Request) -> Response:
        """Handle a request."""
        self.asked.append(request.headers["Idempotency-Key"])
        with self.lock:
            self.held += 1
        self.at_once = max(self.at_once, self.held)
        if self.status == 200:
            self.bodies.append(request.get_json())
            self.keys.append(request.headers["Idempotency-Key"])
        time.sleep(self.seconds)
        with self.lock:
            self.held -= 1
        if not self.answers:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response(status=self.status)


def running_sms_gateway(host: str = "127.0.0.1") -> Iterator[SmsGateway]:
    """Run an SMS gateway on a free port of an address of this machine: JSON with `to` and `message`."""
    with QuickServer(host, threaded=True) as server:
        gateway = SmsGateway(url=f"json://{server.host}:{server.port}/sms?:to={{to}}")
        server.expect_request("/sms", method="POST").respond_with_handler(gateway.answer)
        yield gateway


@pytest.fixture
def sms_gateway(settings: Any) -> Iterator[SmsGateway]:
    """An SMS gateway that the application sends through."""
    for gateway in running_sms_gateway():
        settings.SMS_URL = gateway.url
        yield gateway
