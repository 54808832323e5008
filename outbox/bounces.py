"""Delivery reports that our own mail server received at the return paths of messages."""

from collections.abc import Iterable
from datetime import timedelta
from email.parser import BytesHeaderParser
from pathlib import Path
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

import outbox.actions
from outbox.delivery_reports import MAX_READ_BYTES, read_report
from outbox.models import Message, ReportCount, ReportResult
from outbox.return_path import verify_return_path

REPORTS_ACCEPTED_FOR = timedelta(days=14)  # since the e-mail was sent; mail servers give up after about five days
# Headers in which mail servers keep the address that a mail was delivered to.
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_BOUNCES = (ReportResult.HARD_BOUNCE, ReportResult.SOFT_BOUNCE)

log = structlog.get_logger("loket.outbox")


@transaction.atomic
def receive_report(addresses: Iterable[str], content: bytes) -> ReportResult:
    """Record and count a mail to `addresses`; a bounce changes the message whose return path is among them.

    Nothing is ever sent in response, so that no loop can arise.
    """
    message_id = next((found for address in addresses if (found := verify_return_path(address))), None)
    result = _record_report(message_id, content) if message_id else ReportResult.FORGED
    ReportCount.objects.get_or_create(pk=result)
    ReportCount.objects.filter(pk=result).update(number=F("number") + 1)
    log.info("report", id=str(message_id) if message_id else None, result=result.value)
    return result


def _record_report(message_id: UUID, content: bytes) -> ReportResult:
    result, reason = read_report(content)
    if result not in _BOUNCES:
        return result
    if Message.objects.filter(pk=message_id, sent_at__lt=timezone.now() - REPORTS_ACCEPTED_FOR).exists():
        return ReportResult.LATE
    known = outbox.actions.mark_bounced(message_id=message_id, esp_id="", reason=reason)
    return result if known else ReportResult.UNKNOWN


def receive_maildir(folder: Path) -> int:
    """Receive the unread mails of a maildir, delete them and return their number. Raises OSError."""
    count = 0
    for path in sorted((folder / "new").iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            content = file.read(MAX_READ_BYTES)
        receive_report(list_recipients(content), content)
        path.unlink(missing_ok=True)
        count += 1
    return count


def list_recipients(content: bytes) -> list[str]:
    """Return the words of the headers that may hold the address to which a mail was delivered."""
    headers = BytesHeaderParser().parsebytes(content)
    texts = [str(text) for name in _RECIPIENT_HEADERS for text in headers.get_all(name, [])]
    return [word.strip("<>,") for text in texts for word in text.split()]
