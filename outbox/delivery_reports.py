"""Reading of delivery reports: bounces (RFC 3464), automatic replies (RFC 3834) and what older servers write.

Who sent a report is unknown. Only its kind and reason are read here; the return path says which message it concerns.
"""

import re
from email import message_from_bytes
from email.message import Message as Mail
from email.utils import parseaddr
from typing import NamedTuple

from outbox.failure_reasons import find_status, is_temporary_failure
from outbox.models import ReportResult

MAX_READ_BYTES = 128 * 1024  # of a mail: the report comes before the returned e-mail
_MAX_BOUNDARIES = 20  # parts within parts, which take time that grows faster than their number
_MAX_TEXT_LENGTH = 4000  # characters of a report without a machine-readable part
_DAEMONS = ("mailer-daemon", "postmaster")
_AUTO_REPLY_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponse")


class DeliveryReport(NamedTuple):
    result: ReportResult
    reason: str = ""  # of a bounce, as the server worded it, with its status code


def read_report(content: bytes) -> DeliveryReport:
    """Return what a mail to a return path says. Anything that cannot be understood is OTHER."""
    content = content[:MAX_READ_BYTES]
    if content.lower().count(b"boundary") > _MAX_BOUNDARIES:
        return DeliveryReport(ReportResult.OTHER)
    try:
        mail = message_from_bytes(content)
        return _read_status_part(mail) or _read_auto_reply(mail) or _read_text(mail)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # raised by the parser on broken mails
        return DeliveryReport(ReportResult.OTHER)


def _read_status_part(mail: Mail) -> DeliveryReport | None:
    """Return the report of a part for machines; one within a returned e-mail does not count."""
    if mail.get_content_type() != "multipart/report":
        return None
    parts = [part for part in _list_parts(mail) if part.get_content_type() == "message/delivery-status"]
    blocks = [block for part in parts for block in _list_parts(part)]
    actions = {_get_text(block, "Action").lower(): block for block in blocks if "Action" in block}
    if "failed" in actions:
        return _build_bounce(actions["failed"])
    if "delayed" in actions:
        return DeliveryReport(ReportResult.DELAY)
    return DeliveryReport(ReportResult.OTHER) if actions else None


def _build_bounce(block: Mail) -> DeliveryReport:
    """Return a bounce. A status code of the remote server says more than the general one of its own server."""
    status = find_status(_get_text(block, "Status"))
    diagnostic = re.sub(r"\A[\w-]+\s*;\s*", "", _get_text(block, "Diagnostic-Code"))
    found = find_status(diagnostic)
    if status and found != status and not (found and status.endswith(".0.0")):
        diagnostic = f"{status} {diagnostic}"
    return _classify_bounce(diagnostic)


def _classify_bounce(reason: str) -> DeliveryReport:
    result = ReportResult.SOFT_BOUNCE if is_temporary_failure(reason) else ReportResult.HARD_BOUNCE
    return DeliveryReport(result, reason)


def _read_auto_reply(mail: Mail) -> DeliveryReport | None:
    submitted = _get_text(mail, "Auto-Submitted").lower()
    automatic = submitted.startswith("auto-") or _get_text(mail, "Precedence").lower() == "auto_reply"
    if automatic or any(name in mail for name in _AUTO_REPLY_HEADERS):
        return DeliveryReport(ReportResult.AUTO_REPLY)
    return None


def _read_text(mail: Mail) -> DeliveryReport:
    """Return the report of a server such as qmail, which writes a status code into a text."""
    sender = parseaddr(_get_text(mail, "From"))[1].partition("@")[0].lower()
    if sender not in _DAEMONS or mail.get_content_type() != "text/plain":
        return DeliveryReport(ReportResult.OTHER)
    payload = mail.get_payload(decode=True)
    text = payload[:_MAX_TEXT_LENGTH].decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    line = next((line for line in text.splitlines() if find_status(line).startswith("5")), "")
    return _classify_bounce(line.strip()) if line else DeliveryReport(ReportResult.OTHER)


def _list_parts(mail: Mail) -> list[Mail]:
    """Return the direct parts of a mail, none if it was not parsed into parts."""
    return [part for part in mail.get_payload() if isinstance(part, Mail)]


def _get_text(mail: Mail, name: str) -> str:
    return " ".join(str(mail.get(name, "")).split())
