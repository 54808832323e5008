"""Our words for the enhanced status code (RFC 3463) in the answer of a mail server, and for the state of an SMS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_STATUS_PATTERN = re.compile(r"(?<![\w.])([45])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)", re.ASCII)
_NO_MAILBOX = _("the mailbox does not exist")
_REASONS: dict[str, StrOrPromise] = {  # by whole code, by subject and detail, or by subject
    "5.4.1": _NO_MAILBOX,  # of Exchange Online
    "1.1": _NO_MAILBOX,
    "1.10": _NO_MAILBOX,
    "1.2": _("the domain does not exist"),
    "1": _("the address is not valid"),
    "2.1": _("the mailbox no longer accepts e-mails"),
    "2.2": _("the mailbox is full"),
    "2.3": _("the e-mail is too large"),
    "2": _("the mailbox does not accept this e-mail"),
    "3.4": _("the e-mail is too large"),
    "4": _("the mail server of the recipient could not be reached"),
    "6": _("the mail server does not accept the content"),
    "7": _("the mail server refused it by its security rules"),
}

_SMS_REASONS: dict[str, StrOrPromise] = {  # by the first word of a receipt
    "expired": _("the phone was switched off or out of reach"),
    "rejected": _("the phone network does not accept it"),
    "undelivered": _("the number cannot be reached"),
}


def find_status(text: str) -> str:
    """Return the first enhanced status code of a failure in `text`, or ""."""
    match = _STATUS_PATTERN.search(text)
    return match[0] if match else ""


def describe_failure(text: str) -> str:
    """Return the reason of a failure in our words, or "" if `text` has no code that says enough."""
    status = find_status(text)
    _class, _dot, detail = status.partition(".")
    found = (_REASONS.get(key) for key in (status, detail, detail.partition(".")[0]))
    return str(next((reason for reason in found if reason), ""))


def describe_sms_failure(text: str) -> str:
    """Return the reason in a receipt in our words, or "" if `text` is another error."""
    return str(_SMS_REASONS.get(text.partition(" ")[0], ""))


def is_temporary_failure(text: str) -> bool:
    """Return whether the cause may pass: a code of class 4, or a full mailbox."""
    status = find_status(text)
    return status.startswith("4.") or status.endswith(".2.2")
