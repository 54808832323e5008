"""Putting messages in the outbox and taking them out again. Sending is the worker's."""

import json
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.db import connection

from loket import sealing
from outbox.models import Message

WAKE = "outbox"  # the channel on which the worker listens


class Body(TypedDict, total=False):
    """What is sealed: everything that is nobody's business, the number of an SMS included."""

    to: str
    subject: str
    text: str
    html: str
    sender_name: str


def queue_mail(
    *,
    kind: str,
    to: str,
    subject: str,
    text: str,
    html: str,
    provider_id: UUID | None,
    user_id: UUID | None,
    sender_name: str,
    expires_at: datetime | None = None,
) -> Message:
    """Queue a mail in the transaction of the caller; it is not sent after `expires_at`."""
    body = Body(to=to, subject=subject, text=text, html=html, sender_name=sender_name)
    return _queue(
        Message(channel=Message.Channel.MAIL, kind=kind, recipient=to), body, provider_id, user_id, expires_at
    )


def queue_sms(
    *, kind: str, to: str, text: str, provider_id: UUID | None, user_id: UUID | None, expires_at: datetime | None = None
) -> Message:
    """Queue an SMS to the E.164 number `to` in the transaction of the caller; it is not sent after `expires_at`."""
    return _queue(
        Message(channel=Message.Channel.SMS, kind=kind), Body(to=to, text=text), provider_id, user_id, expires_at
    )


def _queue(
    message: Message, body: Body, provider_id: UUID | None, user_id: UUID | None, expires_at: datetime | None
) -> Message:
    message.provider_id, message.user_id, message.expires_at = provider_id, user_id, expires_at
    message.sealed_body = sealing.seal(json.dumps(body).encode(), context=message.seal_context)
    message.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {WAKE}")  # delivered when the transaction commits
    return message


def cancel(message: Message) -> bool:
    """Take a message back that was not sent yet; return whether that was in time.

    It waits for a sending that is under way, and returns False when that one went out.
    """
    locked = Message.objects.select_for_update().get(pk=message.pk)
    if not locked.is_waiting:
        return False
    locked.state, locked.sealed_body = Message.State.CANCELLED, None
    locked.save(update_fields=["state", "sealed_body"])
    return True
