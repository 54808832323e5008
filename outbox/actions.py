"""Actions on messages: queue, cancel, claim, deliver, and record bounces.

A message is sent in two transactions (`take`, `deliver`): the first counts the attempt, the second locks the row while
the message is sent and records the result. A process that dies in between loses nothing, and a message that kills the
process stops after its last attempt, because attempts stay counted.

Phones cannot detect a duplicate SMS, so an SMS is sent at most once unless the gateway is known to have rejected it:
without a response it is not sent again. No row is locked while the gateway is busy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from loket import sealing
from loket.clocks import SKEW
from loket.logs import correlation_id
from outbox import limits, sending
from outbox.models import Body, Heartbeat, Message, MessageQuerySet, Pause

if TYPE_CHECKING:
    from audit.actors import Actor

WAKE = "outbox"  # PostgreSQL channel on which the worker listens
PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)
MAX_ATTEMPTS = len(PAUSES) + 1
FORGOTTEN = timedelta(days=1)  # age at which heartbeats are deleted
GRACE = timedelta(seconds=5)  # times attempts: delay after which a message is due again if its worker dies


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
    asker: Actor | None = None,
) -> Message:
    """Queue an email in the transaction of the caller; it is not sent after `expires_at`.

    `asker` counts against the limits of `limits`. Raises limits.TooMany.
    """
    values = {"subject": subject, "text": text, "html": html, "sender_name": sender_name}
    mail = written_mail(kind=kind, to=to, provider_id=provider_id, user_id=user_id, expires_at=expires_at, **values)
    return queue_all([mail], asker=asker)[0]


def written_mail(
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
    """Return an unsaved email with an encrypted body, for `queue_all`."""
    body = Body(to=to, subject=subject, text=text, html=html, sender_name=sender_name)
    message = Message(channel=Message.Channel.MAIL, kind=kind, recipient=to)
    return _sealed(message, body, provider_id, user_id, expires_at)


def queue_sms(
    *,
    kind: str,
    to: str,
    text: str,
    provider_id: UUID | None,
    user_id: UUID | None,
    expires_at: datetime | None = None,
    asker: Actor | None = None,
) -> Message:
    """Queue an SMS to the E.164 number `to`; otherwise as `queue_mail`."""
    limits.charge([(kind, to, provider_id)], asker)
    message = Message(channel=Message.Channel.SMS, kind=kind)
    return _queue([_sealed(message, Body(to=to, text=text), provider_id, user_id, expires_at)])[0]


def _sealed(
    message: Message, body: Body, provider_id: UUID | None, user_id: UUID | None, expires_at: datetime | None
) -> Message:
    message.provider_id, message.user_id, message.expires_at = provider_id, user_id, expires_at
    message.correlation_id, message.urgency = correlation_id(), Message.urgency_of(message.kind)
    message.sealed_body = sealing.seal(json.dumps(body).encode(), context=message.seal_context)
    return message


def queue_all(messages: list[Message], *, asker: Actor | None = None) -> list[Message]:
    """Queue emails built by `written_mail`; otherwise as `queue_mail`."""
    limits.charge([(mail.kind, mail.recipient, mail.provider_id) for mail in messages], asker)
    return _queue(messages)


def _queue(messages: list[Message]) -> list[Message]:
    Message.objects.bulk_create(messages, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {WAKE}")  # delivered when the transaction commits
    return messages


@transaction.atomic
def cancel(message: Message) -> bool:
    """Cancel a message that is still to be sent; return whether that was in time.

    Wait for an email that is being sent, and return False if it was sent. An SMS that is being sent may arrive; if the
    gateway rejects it there is no further attempt.
    """
    locked = Message.objects.select_for_update(no_key=True).get(pk=message.pk)
    if not locked.is_waiting:
        return False
    if locked.is_being_sent:
        locked.expires_at = timezone.now()
        locked.save(update_fields=["expires_at"])
        return False
    _end(locked, Message.State.CANCELLED)
    return True


@transaction.atomic
def pause(provider_id: UUID) -> None:
    """Pause all messages of an office, including those queued later."""
    Pause.objects.get_or_create(provider_id=provider_id)


@transaction.atomic
def go_on(provider_id: UUID) -> None:
    """Resume the messages of an office that have not expired."""
    Pause.objects.filter(provider_id=provider_id).delete()


@transaction.atomic
def take(
    channel: Message.Channel,
    provider_id: UUID | None,
    *,
    urgency: int = Message.Urgency.LATER,
    avoided: Sequence[str] = (),
) -> Message | None:
    """Claim the next due message of an office and count the attempt; return None when nothing is due.

    The message is at least as urgent as `urgency` and not addressed to a domain in `avoided`; `outbox.turns` chooses
    the office. It has no body when it has expired or its attempts are used up: do not deliver it then.
    """
    now = timezone.now()
    office = Q(provider_id__isnull=True) if provider_id is None else Q(provider_id=provider_id)
    message = (
        Message.objects.waiting()
        .awake()
        .outside(avoided)
        .select_for_update(skip_locked=True, no_key=True)
        .filter(office, channel=channel, due__lte=now, urgency__lte=urgency)
        .order_by("urgency", "due")
        .first()
    )
    if message is None:
        return None
    if message.is_being_sent:
        _end(message, Message.State.NO_ANSWER, error="the worker stopped before the answer")
    elif message.expires_at is not None and message.expires_at <= now:
        _end(message, Message.State.EXPIRED)
    elif message.attempts >= MAX_ATTEMPTS:
        _end(message, Message.State.FAILED, error="the worker stopped at every attempt")
    else:
        message.attempts += 1
        message.due = now + GRACE * message.attempts
        if message.channel == Message.Channel.SMS:
            message.state = Message.State.QUEUED  # see `Message.is_being_sent`
            message.due = now + sending.longest_sms() + GRACE
        message.save(update_fields=["attempts", "due", "state"])
    return message


def deliver(taken: Message) -> Message | None:
    """Send a message returned by `take`; return it with its new state, or None if another worker has claimed it."""
    if taken.channel == Message.Channel.SMS:
        outcome = _send(taken)
        unknown = Q(state=Message.State.NO_ANSWER)  # another worker gave up on it; now the response is known
        with transaction.atomic():
            message = _lock(Message.objects.waiting() | Message.objects.filter(unknown), taken)
            return message and _note(message, outcome)
    with transaction.atomic():
        message = _lock(Message.objects.waiting(), taken)
        return message and _note(message, _send(message))


def _lock(messages: MessageQuerySet, taken: Message) -> Message | None:
    return messages.select_for_update(no_key=True).filter(pk=taken.pk, attempts=taken.attempts).first()


def _send(message: Message) -> str | sending.SendingError:
    try:
        return sending.send(message)
    except sending.SendingError as error:
        return error


def _note(message: Message, outcome: str | sending.SendingError) -> Message:
    """Record the result of sending `message`, whose row is locked."""
    if isinstance(outcome, sending.SendingError):
        _put_off(message, outcome)
    else:
        message.esp_id, message.sent_at = outcome, timezone.now()
        _end(message, Message.State.SENT)
    return message


def _put_off(message: Message, error: sending.SendingError) -> None:
    """Schedule the next attempt, unless the message may have arrived, was rejected for good, has used its last attempt
    or expires before.
    """
    if error.unanswered:
        _end(message, Message.State.NO_ANSWER, error=str(error))
        return
    if error.permanent or message.attempts >= MAX_ATTEMPTS or message.sealed_body is None:
        _end(message, Message.State.FAILED, error=str(error))
        return
    message.due = timezone.now() + PAUSES[message.attempts - 1]
    if message.expires_at is not None and message.due >= message.expires_at:
        _end(message, Message.State.FAILED, error=str(error))
        return
    message.state, message.error = Message.State.DEFERRED, str(error)
    message.save(update_fields=["state", "error", "due"])


def _end(message: Message, state: Message.State, *, error: str = "") -> None:
    message.state, message.error, message.sealed_body = state, error, None
    message.save(update_fields=["state", "error", "sealed_body", "sent_at", "esp_id"])


@transaction.atomic
def bounce(*, message_id: UUID | None, esp_id: str, reason: str) -> bool:
    """Mark a sent email as bounced, as reported by the email provider; return whether the email was found.

    `message_id` is our id; without it, `esp_id` is the id of the provider. Waits for a delivery in progress.
    """
    if message_id is None and not esp_id:
        return False
    name = Q(pk=message_id) if message_id is not None else Q(esp_id=esp_id)
    message = Message.objects.select_for_update(no_key=True).filter(name, channel=Message.Channel.MAIL).first()
    if message is None or message.state != Message.State.SENT:
        return False
    _end(message, Message.State.BOUNCED, error=sending.reason(reason, to=message.recipient))
    return True


@transaction.atomic
def beat(worker: UUID) -> None:
    """Record that this worker is alive; delete heartbeats of a day ago and those of a wrong clock."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(pk=worker, defaults={"at": now})
    Heartbeat.objects.exclude(at__range=(now - FORGOTTEN, now + SKEW)).delete()
    _set_right(now)


def _set_right(now: datetime) -> None:
    """Make messages due now whose due time is beyond any retry delay, as written by a clock that ran ahead."""
    impossible = Q()
    for attempts, pause in enumerate([timedelta(0), *PAUSES]):
        impossible |= Q(attempts=attempts, due__gt=now + pause + SKEW)
    found = Message.objects.waiting().filter(impossible, channel__in=Message.Channel, due__gt=now + SKEW)
    locked = found.select_for_update(skip_locked=True, no_key=True).values("pk")
    Message.objects.filter(pk__in=locked).update(due=now)
