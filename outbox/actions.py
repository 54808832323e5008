"""Actions on messages: queue, cancel, claim, deliver, and record bounces.

A message is sent in two transactions (`claim_message`, `deliver_message`): the first counts the attempt, the second
locks the row while the message is sent and records the result. A process that dies in between loses nothing, and a
message that kills the process is not sent again after its last attempt, because attempts remain counted.

Phones cannot detect a duplicate SMS, so an SMS is sent at most once unless the gateway is known to have rejected it:
without a response it is not sent again. No row is locked while the gateway or the receiver of a POST is busy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from core import encryption
from core.clock_skew import MAX_CLOCK_SKEW
from core.logs import get_correlation_id
from core.models import WorkerHeartbeat
from outbox import message_limits, sending
from outbox.emails import EmailContent
from outbox.models import Message, MessageBody, MessageQuerySet, PausedOffice

if TYPE_CHECKING:
    from audit.actors import Actor

WAKE_CHANNEL = "outbox"  # PostgreSQL channel on which the worker listens
RETRY_DELAYS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
HEARTBEAT_RETENTION = timedelta(days=1)  # age at which heartbeats are deleted
CLAIM_GRACE = timedelta(seconds=5)  # times attempts: delay after which a message is due again if its worker dies


def build_email(
    *,
    kind: str,
    to: str,
    content: EmailContent,
    provider_id: UUID | None,
    user_id: UUID | None,
    sender_name: str,
    title: str = "",
    reply_to: str = "",
    expires_at: datetime | None = None,
    scheduled_at: datetime | None = None,
) -> Message:
    """Return an unsaved e-mail for `queue_emails`, sent from `scheduled_at` until `expires_at`.

    Both parts are laid out when it is sent, under `title` or else the subject. `reply_to` is a user of the office.
    """
    subject, text, button, link, language = content
    body = MessageBody(to=to, subject=subject, text=text, button=button, link=link, language=language, title=title)
    body["sender_name"], body["reply_to"] = sender_name, reply_to
    message = Message(channel=Message.Channel.MAIL, kind=kind, recipient=to, scheduled_at=scheduled_at)
    if scheduled_at is not None:
        message.due = scheduled_at
    return _encrypt_message(message, body, provider_id, user_id, expires_at)


def queue_emails(messages: list[Message], *, requester: Actor | None = None) -> list[Message]:
    """Queue e-mails built by `build_email` in the transaction of the caller.

    `requester` is charged for them, see `message_limits`. Raises MessageLimitReached.
    """
    message_limits.charge_messages([(mail.kind, mail.recipient, mail.provider_id) for mail in messages], requester)
    return _insert_and_notify(messages)


def queue_sms(
    *,
    kind: str,
    to: str,
    text: str,
    provider_id: UUID | None,
    user_id: UUID | None,
    expires_at: datetime | None = None,
    requester: Actor | None = None,
) -> Message:
    """Queue an SMS to the E.164 number `to`; otherwise as `queue_emails`."""
    message_limits.charge_messages([(kind, to, provider_id)], requester)
    message = Message(channel=Message.Channel.SMS, kind=kind)
    return _insert_and_notify(
        [_encrypt_message(message, MessageBody(to=to, text=text), provider_id, user_id, expires_at)]
    )[0]


def queue_posts(kind: str, posts: Iterable[tuple[str, str]], *, provider_id: UUID) -> list[Message]:
    """Queue a POST for each address and content; `sending.FORM_BUILDERS[kind]` makes the form at every attempt."""
    messages = []
    for address, content in posts:
        message = Message(channel=Message.Channel.HTTP, kind=kind, recipient=urlsplit(address).hostname or "")
        messages.append(_encrypt_message(message, MessageBody(to=address, text=content), provider_id, None, None))
    return _insert_and_notify(messages) if messages else []


def _encrypt_message(
    message: Message, body: MessageBody, provider_id: UUID | None, user_id: UUID | None, expires_at: datetime | None
) -> Message:
    message.provider_id, message.user_id, message.expires_at = provider_id, user_id, expires_at
    message.correlation_id, message.urgency = get_correlation_id(), Message.get_urgency(message.kind)
    message.encrypted_body = encryption.encrypt(json.dumps(body).encode(), context=message.encryption_context)
    return message


def _insert_and_notify(messages: list[Message]) -> list[Message]:
    Message.objects.bulk_create(messages, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {WAKE_CHANNEL}")  # delivered when the transaction commits
    return messages


@transaction.atomic
def cancel_message(message: Message) -> bool:
    """Cancel a message that is still to be sent; return whether that was in time.

    Wait for an e-mail that is being sent, and return False if it was sent. An SMS that is being sent may arrive; if the
    gateway rejects it there is no further attempt.
    """
    locked = Message.objects.select_for_update(no_key=True).get(pk=message.pk)
    if not locked.is_pending:
        return False
    if locked.is_being_sent:
        locked.expires_at = timezone.now()
        locked.save(update_fields=["expires_at"])
        return False
    _finish_message(locked, Message.State.CANCELED)
    return True


@transaction.atomic
def cancel_emails(kind: str, user_ids: Iterable[UUID], *, provider_id: UUID) -> None:
    """Cancel the e-mails of `kind` to users of an office that are still to be sent; wait for those being sent."""
    waiting = Message.objects.pending().filter(
        provider_id=provider_id, user_id__in=user_ids, channel=Message.Channel.MAIL, kind=kind
    )
    locked = list(waiting.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    Message.objects.filter(pk__in=locked).update(state=Message.State.CANCELED, encrypted_body=None)


@transaction.atomic
def pause_office(provider_id: UUID) -> None:
    """Pause all messages of an office, including those queued later."""
    PausedOffice.objects.get_or_create(provider_id=provider_id)


@transaction.atomic
def resume_office(provider_id: UUID) -> None:
    """Resume the messages of an office that have not expired; spread the invitations of its imports again."""
    PausedOffice.objects.filter(provider_id=provider_id).delete()
    message_limits.reschedule_overdue_invitations(provider_id)


@transaction.atomic
def claim_message(
    channel: Message.Channel,
    provider_id: UUID | None,
    *,
    urgency: int = Message.Urgency.LATER,
    avoided: Sequence[str] = (),
) -> Message | None:
    """Claim the next due message of an office and count the attempt; return None when nothing is due.

    The message is at least as urgent as `urgency` and not addressed to a domain in `avoided`; `outbox.fair_queue`
    chooses the office. It has no body when it has expired or its attempts are used up: do not deliver it then.
    """
    now = timezone.now()
    office = Q(provider_id__isnull=True) if provider_id is None else Q(provider_id=provider_id)
    message = (
        Message.objects.pending()
        .exclude_paused()
        .exclude_domains(avoided)
        .select_for_update(skip_locked=True, no_key=True)
        .filter(office, channel=channel, due__lte=now, urgency__lte=urgency)
        .order_by("urgency", "due")
        .first()
    )
    if message is None:
        return None
    if message.is_being_sent:
        _finish_message(message, Message.State.NO_RESPONSE, error="the worker stopped before the response")
    elif message.expires_at is not None and message.expires_at <= now:
        _finish_message(message, Message.State.EXPIRED)
    elif message.attempts >= MAX_ATTEMPTS:
        _finish_message(message, Message.State.FAILED, error="the worker stopped at every attempt")
    else:
        message.attempts += 1
        message.due = now + sending.get_max_duration(message.channel) + CLAIM_GRACE * message.attempts
        if message.channel == Message.Channel.SMS:
            message.state = Message.State.QUEUED  # see `Message.is_being_sent`
        message.save(update_fields=["attempts", "due", "state"])
    return message


def deliver_message(claimed: Message) -> Message | None:
    """Send a message returned by `claim_message`; return it in its new state, or None if another worker claimed it."""
    if claimed.channel != Message.Channel.MAIL:
        outcome = _try_send(claimed)
        unknown = Q(state=Message.State.NO_RESPONSE)  # another worker gave up on it; now the response is known
        with transaction.atomic():
            message = _lock_claimed_message(Message.objects.pending() | Message.objects.filter(unknown), claimed)
            return message and _record_outcome(message, outcome)
    with transaction.atomic():
        message = _lock_claimed_message(Message.objects.pending(), claimed)
        return message and _record_outcome(message, _try_send(message))


def _lock_claimed_message(messages: MessageQuerySet, claimed: Message) -> Message | None:
    return messages.select_for_update(no_key=True).filter(pk=claimed.pk, attempts=claimed.attempts).first()


def _try_send(message: Message) -> str | sending.SendingError:
    try:
        return sending.send_message(message)
    except sending.SendingError as error:
        return error


def _record_outcome(message: Message, outcome: str | sending.SendingError) -> Message:
    """Record the result of sending `message`, whose row is locked."""
    if isinstance(outcome, sending.SendingError):
        _schedule_retry(message, outcome)
    else:
        message.esp_id, message.sent_at = outcome, timezone.now()
        _finish_message(message, Message.State.SENT)
    return message


def _schedule_retry(message: Message, error: sending.SendingError) -> None:
    """Schedule the next attempt.

    Give up if the message may have arrived, was permanently rejected, has used its last attempt or expires before.
    """
    if error.no_response:
        _finish_message(message, Message.State.NO_RESPONSE, error=str(error))
        return
    is_last = error.permanent or message.attempts >= MAX_ATTEMPTS or message.encrypted_body is None
    due = timezone.now() + RETRY_DELAYS[min(message.attempts, len(RETRY_DELAYS)) - 1]
    if is_last or (message.expires_at is not None and due >= message.expires_at):
        _finish_message(message, Message.State.FAILED, error=str(error))
        return
    message.due = due
    message.state, message.error = Message.State.DEFERRED, str(error)
    message.save(update_fields=["state", "error", "due"])


def _finish_message(message: Message, state: Message.State, *, error: str = "") -> None:
    message.state, message.error, message.encrypted_body = state, error, None
    message.save(update_fields=["state", "error", "encrypted_body", "sent_at", "esp_id"])


@transaction.atomic
def mark_bounced(*, message_id: UUID | None, esp_id: str, reason: str) -> bool:
    """Mark a sent e-mail as bounced, as reported by the e-mail provider; return whether the e-mail was found.

    `message_id` is our id; without it, `esp_id` is the id of the provider. Waits for a delivery in progress.
    """
    if message_id is None and not esp_id:
        return False
    name = Q(pk=message_id) if message_id is not None else Q(esp_id=esp_id)
    message = Message.objects.select_for_update(no_key=True).filter(name, channel=Message.Channel.MAIL).first()
    if message is None or message.state != Message.State.SENT:
        return False
    _finish_message(message, Message.State.BOUNCED, error=sending.redact_reason(reason, to=message.recipient))
    return True


@transaction.atomic
def record_heartbeat(worker: UUID) -> None:
    """Record that this worker is alive; delete heartbeats of a day ago and those of a wrong clock."""
    now = timezone.now()
    WorkerHeartbeat.objects.update_or_create(pk=worker, defaults={"at": now})
    WorkerHeartbeat.objects.exclude(at__range=(now - HEARTBEAT_RETENTION, now + MAX_CLOCK_SKEW)).delete()
    _repair_due_times(now)


def _repair_due_times(now: datetime) -> None:
    """Make messages due now whose due time is beyond any retry delay, as written by a clock that ran ahead."""
    latest = now + MAX_CLOCK_SKEW
    impossible = Q(attempts=0) & (Q(scheduled_at=None) | Q(created_at__gt=latest))
    for attempts, pause in enumerate(RETRY_DELAYS, 1):
        impossible |= Q(attempts=attempts, due__gt=latest + pause)
    found = Message.objects.pending().filter(impossible, channel__in=Message.Channel, due__gt=latest)
    locked = found.select_for_update(skip_locked=True, no_key=True).values("pk")
    Message.objects.filter(pk__in=locked).update(due=now)
