"""Mailbox of the demo: every e-mail and SMS "sent" is a line of postvak.jsonl in LOKET_DATA_DIR."""

import fcntl
import json
import os
from collections.abc import Sequence
from email.mime.base import MIMEBase
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone


class DeliveredMessage(TypedDict):
    """One delivered e-mail or SMS; `at` is ISO 8601 in UTC."""

    channel: str
    sender: str
    reply_to: str
    to: str
    subject: str
    text: str
    html: str
    state: str
    at: str


class EmailBackend(BaseEmailBackend):
    """E-mail backend that delivers to the mailbox."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for mail in email_messages:
            _append_message(
                "mail",
                to=", ".join(mail.recipients()),
                text=str(mail.body),
                sender=mail.extra_headers.get("From", mail.from_email),
                reply_to=", ".join(mail.reply_to),
                subject=str(mail.subject),
                html=_get_html(mail),
            )
        return len(email_messages)


def deliver_sms(*, to: str, text: str) -> None:
    _append_message("sms", to=to, text=text)


def list_delivered() -> list[DeliveredMessage]:
    """Return the contents of the mailbox, newest first; skip partial lines left by a killed process."""
    try:
        lines = _get_mailbox_path().read_bytes().splitlines()
    except FileNotFoundError:
        return []
    messages: list[DeliveredMessage] = []
    for line in reversed(lines):
        try:
            messages.append(json.loads(line))
        except ValueError:
            continue
    return messages


def _get_mailbox_path() -> Path:
    return Path(settings.LOKET_DATA_DIR) / "postvak.jsonl"


def _get_html(mail: EmailMessage) -> str:
    """Return the HTML part, if any, with its images in it."""
    html = next((str(part[0]) for part in getattr(mail, "alternatives", []) if part[1] == "text/html"), "")
    for image in mail.attachments:
        if isinstance(image, MIMEBase) and (content_id := image["Content-ID"]):
            data = "".join(str(image.get_payload()).split())  # in Base64
            html = html.replace(f"cid:{content_id.strip('<>')}", f"data:{image.get_content_type()};base64,{data}")
    return html


def _append_message(
    channel: str, *, to: str, text: str, sender: str = "", reply_to: str = "", subject: str = "", html: str = ""
) -> None:
    entry = DeliveredMessage(
        channel=channel,
        sender=sender,
        reply_to=reply_to,
        to=to,
        subject=subject,
        text=text,
        html=html,
        state="sent",
        at=timezone.now().isoformat(),
    )
    _get_mailbox_path().parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(
        os.open(_get_mailbox_path(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b", buffering=0
    ) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write((b"\n" if torn else b"") + json.dumps(entry).encode() + b"\n")
