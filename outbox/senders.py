"""Who an e-mail comes from: its office while the DNS records of the office's domain hold, else our own address."""

from collections.abc import Callable
from email.headerregistry import Address
from email.message import Message as EmailMessage
from email.utils import parseaddr
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import utf8_charset_qp


class Sender(NamedTuple):
    """The sender of an office. Without `address`, its e-mails come from ours.

    `sign` returns the DKIM-Signature header of an e-mail; without it, the e-mail provider signs.
    """

    address: str = ""
    reply_to: str = ""
    sign: Callable[[bytes], bytes] | None = None


SENDER_LOADERS: list[Callable[[UUID], Sender | None]] = []  # by office: its own sender, if any


def find_sender(provider_id: UUID | None) -> Sender:
    """Return the sender of an office at this moment."""
    found = (load(provider_id) for load in SENDER_LOADERS) if provider_id else ()
    return next(filter(None, found), Sender())


def get_own_address() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def format_sender(name: str, address: str = "") -> str:
    """Return the From header with the name of an office, if any, and its own `address` or else ours."""
    display = " ".join("".join(char if char.isprintable() else " " for char in name).split())
    if not address:
        display = f"{display} via Loket" if display else "Loket"
    return str(Address(display, addr_spec=address or get_own_address()))


class SignableEmail(EmailMultiAlternatives):
    """An e-mail of which a mail server gets the DKIM signature first (RFC 6376)."""

    sign: Callable[[bytes], bytes] | None = None

    def message(self, **options: Any) -> Any:
        """Return the message, whose `as_bytes` begins with the signature of the bytes that follow it."""
        if self.sign is None:
            return super().message(**options)
        self.encoding = utf8_charset_qp  # 7 bits, which no mail server on the way converts (RFC 6376, 5.3)
        mail: EmailMessage = super().message(**options)
        sign, write = self.sign, mail.as_bytes

        def write_signed(*args: Any, **named: Any) -> bytes:
            content = write(*args, **named | {"linesep": "\r\n"})
            return sign(content) + content

        mail.as_bytes = write_signed  # type: ignore[method-assign]
        return mail
