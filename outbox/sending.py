"""Sending one message: e-mail through EMAIL_BACKEND, SMS through the gateway of SMS_URL, a POST. Writes no row."""

from __future__ import annotations

import re
import smtplib
import sys
from collections.abc import Callable
from datetime import timedelta
from email.mime.image import MIMEImage
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.db import connection
from django.utils.module_loading import import_string

from core.encryption import DecryptionError
from core.keys import encode_email_domain
from outbox.emails import LOGO_CONTENT_ID, EmailContent, Logo, render_html, render_text
from outbox.models import Message, MessageBody
from outbox.return_path import build_return_path
from outbox.senders import SignableEmail, find_sender, format_sender, get_own_address
from outbox.sms_reference import build_reference

if TYPE_CHECKING:
    from outbox.request_tracking import RequestTracker

CONNECT_TIMEOUT_SECONDS = 5.0  # seconds, of the SMS gateway; LOKET_SMS_TIMEOUT limits its response
POST_TIMEOUT_SECONDS = 5.0  # seconds to connect, as many for TLS, to send and to wait for the response
_MAX_REASON_LENGTH = 150  # characters
FORM_BUILDERS: dict[str, Callable[[str], dict[str, str]]] = {}  # by kind of POST: the form for the content, made anew
LOGO_LOADERS: list[Callable[[UUID], Logo | None]] = []  # by office: its logo, if any
_SENSITIVE_PATTERN = re.compile(r"@|://|\d{4}|\S{25}")  # an address, a link, a number or code, a token


class SendingError(Exception):
    """A message was not sent; the text is a short reason without address or content.

    `no_response`: the message may have been sent, because there was no response.
    """

    def __init__(self, reason: str, *, permanent: bool = False, no_response: bool = False) -> None:
        super().__init__(reason)
        self.permanent, self.no_response = permanent, no_response


def send_message(message: Message) -> str:
    """Send `message` and return its id at the e-mail provider, or an empty text.

    Raises SendingError, `permanent` when the recipient was permanently rejected; other errors may be temporary.
    """
    try:
        body = message.decrypt_body()
        if message.channel == Message.Channel.SMS:
            _send_sms(message, body)
            return ""
        if message.channel == Message.Channel.HTTP:
            _send_post(message, body)
            return ""
        return _send_email(_build_email(message, body), body["to"])
    except SendingError:
        raise
    except DecryptionError:
        raise SendingError("Unreadable") from None
    except Exception as error:  # its text may hold the address or the content
        raise SendingError(type(error).__name__) from None


def get_max_duration(channel: str) -> timedelta:
    """Return the longest time that sending takes while no row is locked. The result of an SMS stays unknown after that.

    That of an e-mail, whose row is locked, is 0.
    """
    if channel == Message.Channel.SMS:
        return timedelta(seconds=CONNECT_TIMEOUT_SECONDS + settings.LOKET_SMS_TIMEOUT)
    return timedelta(seconds=4 * POST_TIMEOUT_SECONDS if channel == Message.Channel.HTTP else 0)


def _load_anymail_exceptions() -> Any:
    """Return the module, which loads requests (5 MB): an `except` asks for it only after an error."""
    return import_module("anymail.exceptions")


def require_email_backend() -> None:
    """Raise ImproperlyConfigured unless the e-mail backend exists and is configured; does not connect."""
    try:
        get_connection()
    except (ImportError, AttributeError, ImproperlyConfigured, _load_anymail_exceptions().AnymailError) as error:
        text = f"LOKET_EMAIL_BACKEND or one of its ANYMAIL_… variables is invalid: {error}"
        raise ImproperlyConfigured(text) from None


def require_sms_gateway() -> None:
    """Raise ImproperlyConfigured unless SMS_URL can be used; does not connect."""
    if settings.SMS_URL not in ("console:", "demo:") and _create_gateway("+31612345678", "x") is None:
        raise ImproperlyConfigured("SMS_URL is invalid. Use an address that Apprise supports.")


def find_sms_host() -> tuple[str, int] | None:
    """Return host and port of the gateway of SMS_URL, or None when only Apprise knows them; does not connect."""
    gateway = _create_gateway("+31612345678", "x")
    url = urlsplit(str(getattr(gateway, "notify_url", None) or ""))
    if url.scheme and url.hostname and "{" not in url.hostname:
        return url.hostname, url.port or (443 if url.scheme == "https" else 80)
    if gateway is None or url.scheme or "host" not in gateway.template_tokens:
        return None
    return gateway.host, gateway.port or (443 if gateway.secure else 80)


def redact_reason(text: str, *, to: str = "") -> str:
    """Return `text` of another system with everything masked that may be an address, number, link or token."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    name = to.partition("@")[0].lower()
    words = [
        "…" if _SENSITIVE_PATTERN.search(word) or (name and name in word.lower()) else word
        for word in printable.split()
    ]
    return " ".join(words)[:_MAX_REASON_LENGTH]


def _build_email(message: Message, body: MessageBody) -> EmailMultiAlternatives:
    recipient = encode_email_domain(body["to"])
    if not _can_be_addressed(recipient):
        raise SendingError("address refused", permanent=True)
    sender = find_sender(message.provider_id)
    mail = SignableEmail(body["subject"], "", format_sender(body["sender_name"], sender.address), [recipient])
    mail.sign = sender.sign
    reply_to = encode_email_domain(body.get("reply_to", "")) or sender.reply_to
    if _can_be_addressed(reply_to):
        mail.reply_to = [reply_to]
    _lay_out_parts(mail, message, body)
    mail.extra_headers |= {
        "Content-Language": body.get("language") or settings.LANGUAGE_CODE,
        "Auto-Submitted": "auto-generated",  # RFC 3834 section 5: no out-of-office reply
        "X-Auto-Response-Suppress": "All",  # the same for Exchange
    }
    if settings.EMAIL_BACKEND.startswith("anymail."):
        mail.metadata = {"message": str(message.pk)}  # type: ignore[attr-defined]
    else:  # the same at every attempt, so that duplicates can be recognized
        mail.extra_headers["Message-ID"] = f"<{message.pk}@{urlsplit(settings.LOKET_URL).hostname}>"
        mail.extra_headers["From"] = mail.from_email
        # Of the envelope only, and ours for every office: bounces come to us, and SPF is checked there.
        mail.from_email = build_return_path(message.pk) if settings.LOKET_BOUNCE_DOMAIN else get_own_address()
    return mail


def _can_be_addressed(address: str) -> bool:
    try:
        validate_email(address)
        sanitize_address(address, "utf-8")
    except (ValidationError, ValueError):
        return False
    return True


def _lay_out_parts(mail: EmailMultiAlternatives, message: Message, body: MessageBody) -> None:
    """Set both parts, and attach the logo of the office if it has one at this moment."""
    office = message.provider_id
    logo = next(filter(None, (load(office) for load in LOGO_LOADERS)), None) if office else None
    content = EmailContent(*(str(body.get(name, "")) for name in EmailContent._fields))
    title = body.get("title", "")
    mail.body = render_text(content, title=title)
    html = render_html(content, title=title, office=body["sender_name"], logo=logo)
    mail.attach_alternative(html, "text/html")
    if logo is not None:
        mail.mixed_subtype = "related"  # type: ignore[attr-defined]
        image = MIMEImage(logo.png, "png")
        image.add_header("Content-ID", f"<{LOGO_CONTENT_ID}>")
        image.add_header("Content-Disposition", "inline", filename="logo.png")
        mail.attach(image)


def _send_email(mail: EmailMultiAlternatives, to: str) -> str:
    try:
        sent = mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        raise _build_smtp_error(code, reply, to=to, permanent=code >= 500) from None
    except smtplib.SMTPResponseException as error:
        # A 5xx on the content is also final (RFC 5321, 4.2.1); one on our own login or address can be fixed.
        permanent = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
        raise _build_smtp_error(error.smtp_code, error.smtp_error, to=to, permanent=permanent) from None
    except (_load_anymail_exceptions().AnymailRecipientsRefused, _load_anymail_exceptions().AnymailInvalidAddress):
        raise SendingError("address refused", permanent=True) from None
    except _load_anymail_exceptions().AnymailError as error:
        raise SendingError(f"{error.esp_name or 'mail provider'} {error.status_code or 'does not answer'}") from None
    if not sent:
        raise SendingError("not sent")
    return _get_provider_message_id(mail)


def _get_provider_message_id(mail: EmailMultiAlternatives) -> str:
    """Return the id at the provider. Raises SendingError when its response does not confirm the email."""
    status = getattr(mail, "anymail_status", None)
    if status is None:
        return ""
    if status.message_id is None and status.status <= {"failed", "unknown", None}:
        raise SendingError("the mail provider did not take it")
    return str(status.message_id or "")[:255]


def _build_smtp_error(code: int, reply: bytes | str, *, to: str, permanent: bool) -> SendingError:
    text = reply.decode("ascii", "replace") if isinstance(reply, bytes) else reply
    return SendingError(redact_reason(f"{code} {text}", to=to), permanent=permanent)


def _send_sms(message: Message, body: MessageBody) -> None:
    if settings.SMS_URL == "console:":
        sys.stdout.write(f"SMS {body['to']}: {body['text']}\n")
        sys.stdout.flush()
    elif settings.SMS_URL == "demo:":
        import_string(settings.LOKET_DEMO_SMS_BACKEND)(to=body["to"], text=body["text"])
    else:
        _send_sms_via_gateway(message, body)


def _send_sms_via_gateway(message: Message, body: MessageBody) -> None:
    gateway = _create_gateway(body["to"], build_reference(message.pk))
    if gateway is None:
        raise SendingError("SMS_URL or the number is not understood")
    if "headers" in gateway.template_kwargs:  # json://, xml:// and form://
        gateway.headers["Idempotency-Key"] = str(message.pk)
    # Importing it replaces a class of requests, the library that apprise uses.
    from outbox.request_tracking import track_requests

    is_understood = True
    with track_requests((CONNECT_TIMEOUT_SECONDS, settings.LOKET_SMS_TIMEOUT)) as tracker:
        try:
            if gateway.notify(body=body["text"], body_format="text"):
                return
        except Exception:  # its text may hold the number or the content
            is_understood = False
    raise _build_gateway_error(tracker, is_understood=is_understood)


def _build_gateway_error(tracker: RequestTracker, *, is_understood: bool) -> SendingError:
    """Return the error for an SMS that the gateway did not accept, judging by its responses."""
    if tracker.no_response:
        return SendingError("the gateway did not answer", no_response=True)
    if not tracker.request_count:  # the number was rejected before any request, or the protocol cannot be watched
        return SendingError("the gateway did not take it", permanent=True)
    if tracker.status is None:
        return SendingError("the gateway cannot be reached")
    if tracker.status < HTTPStatus.BAD_REQUEST and not is_understood:
        return SendingError("the answer of the gateway is not understood", no_response=True)
    return SendingError(f"the gateway refused it ({tracker.status})")


def _send_post(message: Message, body: MessageBody) -> None:
    from outbox import posts  # its library loads 5 MB

    try:
        form = FORM_BUILDERS[message.kind](body["text"])
        if not connection.in_atomic_block:
            connection.close()  # return it to the pool: the receiver may be slow
        status = posts.post_form(body["to"], form, timeout=POST_TIMEOUT_SECONDS)
    except posts.AddressNotPublic:
        raise SendingError("the address is not public", permanent=True) from None
    if status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        raise SendingError(f"the integration answered {status}", permanent=status == HTTPStatus.BAD_REQUEST)


def _create_gateway(to: str, reference: str) -> Any:
    from apprise import Apprise  # slow to import and needed by the worker only

    return Apprise.instantiate(settings.SMS_URL.replace("{to}", quote(to, safe="")).replace("{reference}", reference))
