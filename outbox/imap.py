"""Reading of bounces from an IMAP mailbox, where no mail server on this machine can deliver them."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from outbox.bounces import list_recipients, receive_report
from outbox.delivery_reports import MAX_READ_BYTES

_TIMEOUT_SECONDS = 30
_TLS_PORT, _PLAIN_PORT = 993, 143


class Mailbox(NamedTuple):
    host: str
    port: int
    username: str
    folder: str
    tls: bool


def parse_mailbox(url: str) -> Mailbox:
    """Return the mailbox of imaps://user@host:port/folder, or of imap:// at a loopback address. Raises ValueError."""
    parts = urlsplit(url)
    tls, host, username = parts.scheme == "imaps", parts.hostname, unquote(parts.username or "")
    if not host or not username or parts.password is not None or not (tls or parts.scheme == "imap"):
        raise ValueError("no mailbox")
    if not tls and not ip_address(host).is_loopback:
        raise ValueError("the password would be sent in plain text")
    port = parts.port or (_TLS_PORT if tls else _PLAIN_PORT)
    return Mailbox(host, port, username, unquote(parts.path.strip("/")) or "INBOX", tls)


def receive_mailbox(mailbox: Mailbox, password: str) -> int:
    """Receive the mails of a mailbox, delete them and return their number. Raises OSError and imaplib.IMAP4.error."""
    count = 0
    with _open_folder(mailbox, password) as server:
        for uid in (_ask(server, "SEARCH", "ALL")[0] or b"").decode().split():
            parts = _ask(server, "FETCH", uid, f"(BODY.PEEK[]<0.{MAX_READ_BYTES}>)")
            content = next((part[1] for part in parts if isinstance(part, tuple)), None)
            if content is None:  # another program deleted it in the meantime
                continue
            receive_report(list_recipients(content), content)
            _ask(server, "STORE", uid, "+FLAGS", r"(\Deleted)")
            count += 1
        server.expunge()
    return count


def _ask(server: imaplib.IMAP4, command: str, *args: str) -> list[Any]:
    """Return the response to a command on mails. Raises imaplib.IMAP4.error if the server refused it."""
    status, response = server.uid(command, *args)
    if status != "OK":
        raise imaplib.IMAP4.error(f"{command} was refused")
    return response


@contextmanager
def _open_folder(mailbox: Mailbox, password: str) -> Iterator[imaplib.IMAP4]:
    host, port = mailbox.host, mailbox.port
    server: imaplib.IMAP4
    if mailbox.tls:  # the library's own context does not check certificates
        server = imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context(), timeout=_TIMEOUT_SECONDS)
    else:
        server = imaplib.IMAP4(host, port, timeout=_TIMEOUT_SECONDS)
    with server:
        server.login(_quote(mailbox.username), password)
        if server.select(_quote(mailbox.folder))[0] != "OK":
            raise imaplib.IMAP4.error("no such folder")
        yield server


def _quote(text: str) -> str:
    """Return a quoted string (RFC 3501), which the library makes of the password only."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
