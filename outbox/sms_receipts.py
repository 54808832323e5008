"""Delivery receipts of SMS messages, which the gateway posts with the signed reference of the message.

The gateway gets the reference in its request, as {reference} in SMS_URL. Gateways name the state in words of their own,
so a receipt is searched for a known word.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from django.utils import timezone

from outbox.models import Message
from outbox.sms_reference import verify_reference

RECEIPTS_ACCEPTED_FOR = timedelta(days=14)  # since the SMS was sent; gateways try for about three days
MAX_RECEIPT_BYTES = 64 * 1024
# The name of a value: Twilio's MessageStatus, status of Vonage and 46elks, status.groupName of Infobip.
_STATE_NAME_PATTERN = re.compile(r"(?:status|state)(?:[._]?(?:group)?name)?\Z", re.ASCII | re.IGNORECASE)
_MAX_VALUES = 200  # of a receipt
_DELIVERED = "delivered"
_STATES = {  # by the letters of the gateway's word
    **dict.fromkeys(("delivered", "delivrd", "deliveredtohandset"), _DELIVERED),
    **dict.fromkeys(("expired", "deliveryexpired"), "expired"),
    **dict.fromkeys(("rejected", "rejectd", "blocked", "barred"), "rejected"),
    **dict.fromkeys(
        (
            "undelivered", "undeliv", "undeliverable", "notdelivered", "failed", "deliveryfailed", "deleted", "absent",
            "unreachable",
        ),
        "undelivered",
    ),
}  # fmt: skip

log = structlog.get_logger("loket.outbox")


class ReceiptResult(Enum):
    ACCEPTED = "accepted"  # also when it changed nothing
    UNSIGNED = "unsigned"
    TOO_EARLY = "too early"  # the gateway's response to the SMS is still on its way


def receive_receipt(reference: str, content_type: str, body: bytes) -> ReceiptResult:
    """Record a receipt. Without `reference`, which is in the URL, one of its values must be the reference."""
    values = _read_values(content_type, body)
    texts = [reference] if reference else [text for _name, text in values]
    message_id = next((found for text in texts if (found := verify_reference(text))), None)
    if message_id is None:
        return ReceiptResult.UNSIGNED
    message = Message.objects.filter(pk=message_id, channel=Message.Channel.SMS).first()
    if message is not None and message.is_being_sent:
        return ReceiptResult.TOO_EARLY
    state, word = _find_state(values)
    in_time = message is not None and message.created_at > timezone.now() - RECEIPTS_ACCEPTED_FOR
    error = "" if state == _DELIVERED else state if word == state else f"{state} ({word})"
    known = bool(state) and in_time and _settle_message(message_id, error)
    log.info("report", id=str(message_id), esp="sms", type=state, known=known)
    return ReceiptResult.ACCEPTED


def _settle_message(message_id: UUID, error: str) -> bool:
    """Record that an SMS was delivered, or with `error` not; return whether that changed anything.

    The first receipt counts. It also settles an SMS to which the gateway did not respond.
    """
    state = Message.State
    unsettled = Message.objects.filter(pk=message_id, state__in=[state.SENT, state.NO_RESPONSE], delivered_at=None)
    if error:
        return unsettled.update(state=state.BOUNCED, error=error) == 1
    return unsettled.update(state=state.SENT, error="", delivered_at=timezone.now()) == 1


def _read_values(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a form, or the paths and texts within JSON; none if it cannot be read."""
    try:
        if content_type == "application/x-www-form-urlencoded":
            return parse_qsl(body.decode(), max_num_fields=_MAX_VALUES)
        return list(islice(_walk_json("", json.loads(body)), _MAX_VALUES))
    except (ValueError, RecursionError):
        return []


def _walk_json(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _walk_json(f"{path}.{name}", part)
    elif isinstance(value, list):
        for part in value:
            yield from _walk_json(path, part)
    elif isinstance(value, str):
        yield path, value


def _find_state(values: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the final state of the SMS and the gateway's word for it, or "" twice."""
    for name, text in values:
        word = re.sub("[^a-z]", "", text.lower())
        if word in _STATES and _STATE_NAME_PATTERN.search(name):
            return _STATES[word], word
    return "", ""
