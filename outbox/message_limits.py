"""Limits on requested messages: per recipient, per sender and per office, on every path.

E-mail bombing needs one address, SMS pumping many numbers. A recipient is protected from all messages together; the
limits of a sender and an office count each kind by itself, so that no act uses up the budget of another. The counts
belong to the transaction of the change: a rollback restores them.

The invitations of an import or bulk action are never too many: `BulkSchedule` spreads them over the next hours.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core import throttle
from core.clock_skew import MAX_CLOCK_SKEW
from core.dates import format_upcoming
from core.keys import compute_email_key
from core.throttle import RateLimit, Throttled
from outbox.models import Message

if TYPE_CHECKING:
    from audit.actors import Actor

# Users could otherwise trigger these without end.
LIMITED_KINDS = frozenset({
    "invitation", "email_test", "code", "username", "confirm_address", "address_asked", "unblocked", "microsoft",
    "password_link",
})  # fmt: skip
# These report an event and must not be suppressed. Each follows from something that is limited itself: a message of
# LIMITED_KINDS, a re-authentication of the recipient, a job of the worker, or support, which gives a reason.
UNLIMITED_KINDS = frozenset({
    "blocked", "address_changed", "password_changed", "factor_added", "factor_removed", "factors_reset",
    "factor_duty_ahead", "recovery_codes_made", "recovery_code_used", "looked_along", "office_closed",
    "office_reopened", "invitation_refused", "signals", "hygiene", "review_open", "review_ended",
    "review_waiting", "checkpoint", "sender_stopped", "sender_contested", "directory_held", "directory_stopped",
})  # fmt: skip
_SMS_KINDS = ("invitation", "code")  # an invitation leads to an SMS later
_BULK_PERIOD = timedelta(hours=1)


class MessageLimitReached(Throttled):
    """The limit of `recipient` has been reached or, if that is "", the limit of the sender or the office."""

    def __init__(self, wait: timedelta, recipient: str = "") -> None:
        super().__init__(wait)
        self.recipient = recipient

    def __str__(self) -> str:
        text = (
            _("Many messages have already been sent to %(recipient)s, so nothing was sent. Try again %(time)s.")
            if self.recipient
            else _("Your office has sent many messages of this type, so nothing was sent. Try again %(time)s.")
        )
        return text % {"recipient": self.recipient, "time": format_upcoming(self.retry_at)}


class TooManyMessages(MessageLimitReached):
    """`count` messages are requested together and only `most` are ever allowed; `wait` is until all of these are."""

    def __init__(self, wait: timedelta, recipient: str, count: int, most: int) -> None:
        super().__init__(wait, recipient)
        self.count, self.most = count, most

    def __str__(self) -> str:
        text = (
            _(
                "This sends %(count)s messages to %(recipient)s, and only %(most)s are possible at once, so nothing was"
                " sent. Split it. The first part is possible %(time)s."
            )
            if self.recipient
            else _(
                "This sends %(count)s messages, and your office can send only %(most)s of this type at once, so nothing"
                " was sent. Split it. The first part is possible %(time)s."
            )
        )
        values = {"recipient": self.recipient, "count": self.count, "most": self.most}
        return text % (values | {"time": format_upcoming(self.retry_at)})


class RequestedMessage(NamedTuple):
    """A requested message: kind, e-mail address or number, office, requester, and whether of an import."""

    kind: str
    to: str
    provider_id: UUID | None
    by: Actor
    in_batch: bool = False


@dataclass
class _Batch:
    """The messages of an import or bulk action, which are counted together, and the schedules of its offices."""

    requested: list[RequestedMessage] = field(default_factory=list)
    schedules: dict[UUID, BulkSchedule] = field(default_factory=dict)


_batch: ContextVar[_Batch | None] = ContextVar("batch", default=None)


def charge_messages(messages: Iterable[tuple[str, str, UUID | None]], by: Actor | None) -> None:
    """Count messages, each given as kind, recipient and office, that `by` requests. Raises MessageLimitReached.

    Messages of UNLIMITED_KINDS are not counted, nor are those sent by a command of the operator.
    """
    limited = [message for message in messages if message[0] in LIMITED_KINDS]
    if limited and by is None:
        raise ValueError(f"no requester of the message {limited[0][0]}")
    if by is None or by.origin == "command":
        return
    batch = _batch.get()
    requested = [RequestedMessage(*message, by, in_batch=batch is not None) for message in limited]
    if batch is not None:
        batch.requested += requested
    elif requested:
        _consume_limits(requested)


@contextmanager
def batch_charges() -> Iterator[None]:
    """Count the messages of this block together at its end, within the surrounding transaction; spread its invitations.

    Raises MessageLimitReached.
    """
    if _batch.get() is not None:
        yield
        return
    batch = _Batch()
    token = _batch.set(batch)
    try:
        yield
    finally:
        _batch.reset(token)
    if batch.requested:
        _consume_limits(batch.requested)


class BulkSchedule:
    """When the next invitations of imports of one office are sent: LOKET_BULK_INVITATIONS_PER_HOUR in any hour.

    The caller has locked the office, so that two imports do not take the same place. Canceled ones free theirs.
    """

    def __init__(self, provider_id: UUID) -> None:
        self._limit, now = settings.LOKET_BULK_INVITATIONS_PER_HOUR, timezone.now()
        taken = (
            Message.objects.filter(provider_id=provider_id, scheduled_at__gt=now - _BULK_PERIOD)
            .filter(created_at__lte=now + MAX_CLOCK_SKEW)  # exclude rows of a clock that ran ahead
            .exclude(state=Message.State.CANCELED)
            .order_by("-scheduled_at")
        )
        latest = list(taken.values_list("scheduled_at", flat=True)[: self._limit])
        self._latest = [at for at in reversed(latest) if at is not None]

    def take_next(self) -> datetime:
        """Take the next place and return its time, now if possible."""
        now = timezone.now()
        at = now if len(self._latest) < self._limit else max(now, self._latest.pop(0) + _BULK_PERIOD)
        insort(self._latest, at)
        return at


def schedule_bulk_invitation(provider_id: UUID) -> datetime | None:
    """Return when the next invitation of the present import or bulk action is sent; None, at once, outside these."""
    if (batch := _batch.get()) is None:
        return None
    if provider_id not in batch.schedules:
        batch.schedules[provider_id] = BulkSchedule(provider_id)
    return batch.schedules[provider_id].take_next()


def reschedule_overdue_invitations(provider_id: UUID) -> None:
    """Spread the invitations of imports that were held back, oldest first; the caller has locked the office."""
    waiting = Message.objects.pending().filter(provider_id=provider_id, scheduled_at__isnull=False, attempts=0)
    overdue = list(waiting.filter(due__lte=timezone.now()).select_for_update(no_key=True).order_by("due", "pk"))
    Message.objects.filter(pk__in=[message.pk for message in overdue]).update(scheduled_at=None)
    schedule = BulkSchedule(provider_id)
    for message in overdue:
        message.scheduled_at = message.due = schedule.take_next()
    Message.objects.bulk_update(overdue, ["scheduled_at", "due"], batch_size=1000)


class BulkProgress(NamedTuple):
    """How many invitations of an import are gone, how many are still to be sent, and when the last of these is."""

    sent: int
    waiting: int
    last_at: datetime | None

    def __str__(self) -> str:
        """Say it in a sentence; empty when nothing waits."""
        if self.last_at is None:
            return ""
        values = {"sent": self.sent, "waiting": self.waiting, "time": format_upcoming(self.last_at)}
        if not self.sent:
            return _("Invitations still to be sent: %(waiting)s, the last %(time)s.") % values
        return _("Invitations sent: %(sent)s; the other %(waiting)s follow, the last %(time)s.") % values


def forecast_bulk_invitations(provider_id: UUID, count: int) -> BulkProgress:
    """Return the progress just after an import that sends `count` invitations."""
    schedule = BulkSchedule(provider_id)
    later = [at for at in (schedule.take_next() for _number in range(count)) if at > timezone.now()]
    return BulkProgress(count - len(later), len(later), max(later, default=None))


def get_bulk_progress(provider_id: UUID, correlation_id: str = "") -> BulkProgress:
    """Return the progress of the import with `correlation_id`, or of all imports of an office. One query."""
    messages = Message.objects.filter(provider_id=provider_id, scheduled_at__isnull=False)
    if correlation_id:
        messages = messages.filter(correlation_id=correlation_id)
    waiting = Q(state__in=Message.PENDING_STATES, attempts=0)
    found = messages.aggregate(
        waiting=Count("pk", filter=waiting),
        gone=Count("pk", filter=~waiting & ~Q(state=Message.State.CANCELED)),
        last=Max("due", filter=waiting),
    )
    return BulkProgress(found["gone"], found["waiting"], found["last"])


def find_limited_recipients(addresses: Iterable[str]) -> dict[str, MessageLimitReached]:
    """Return the addresses and numbers that have reached their limit, with the wait. One query."""
    keys = {key: address for address in addresses for key in _iter_recipient_keys(address)}
    return {
        keys[key]: MessageLimitReached(wait, keys[key]) for key, wait in throttle.get_exhausted_limits(keys).items()
    }


def _consume_limits(messages: list[RequestedMessage]) -> None:
    counts: Counter[tuple[RateLimit, str]] = Counter()
    named: dict[tuple[RateLimit, str], str] = {}
    for message in messages:
        for key in _iter_limit_keys(message):
            counts[key] += 1
            named.setdefault(key, message.to if "@" in message.to and key[0].name in _RECIPIENT_LIMIT_NAMES else "")
    if (refused := throttle.consume_attempts(counts)) is not None:
        key, wait = refused
        limit, count = key[0], counts[key]
        if count > limit.burst > 0:  # waiting alone does not help
            wait -= (count - limit.burst) * limit.every
            raise TooManyMessages(wait, named[key], count, limit.burst)
        raise MessageLimitReached(wait, named[key])


_RECIPIENT_LIMIT_NAMES = ("messages to one, an hour", "messages to one, a day")


def _iter_limit_keys(message: RequestedMessage) -> Iterator[tuple[RateLimit, str]]:
    """Yield the limits and keys that a message counts against."""
    # Password links count separately: other messages to a user must not use up the limit on their password links.
    yield from _iter_recipient_keys(f"{message.kind} {message.to}" if message.kind == "password_link" else message.to)
    if message.kind == "invitation" and message.in_batch:
        return  # spread by `BulkSchedule` instead
    if message.by.user is not None:
        by_one = _build_limit(f"{message.kind} messages by one", settings.LOKET_MESSAGES_BY_ONE_PER_HOUR)
        yield by_one, str(message.by.user.pk)
    if message.provider_id is not None:
        number = settings.LOKET_MESSAGES_PER_HOUR
        if message.kind in _SMS_KINDS:
            number = min(number, settings.LOKET_SMS_PER_HOUR)
        yield _build_limit(f"{message.kind} messages of an office", number), str(message.provider_id)


def _iter_recipient_keys(address: str) -> Iterator[tuple[RateLimit, str]]:
    (an_hour, a_day), key = _RECIPIENT_LIMIT_NAMES, compute_email_key(address)
    yield _build_limit(an_hour, settings.LOKET_MESSAGES_TO_ONE_PER_HOUR), key
    yield _build_limit(a_day, settings.LOKET_MESSAGES_TO_ONE_PER_DAY, timedelta(days=1)), key


def _build_limit(name: str, number: int, period: timedelta = timedelta(hours=1)) -> RateLimit:
    return RateLimit(name, number, period / max(number, 1))
