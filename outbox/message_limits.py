"""Limits on requested messages: per recipient, per sender and per office, on every path.

E-mail bombing needs one address, SMS pumping many numbers. The counts belong to the transaction of the change: a
rollback restores them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.translation import ngettext

from core import throttle
from core.keys import compute_email_key
from core.throttle import RateLimit, Throttled

if TYPE_CHECKING:
    from audit.actors import Actor

# Users could otherwise trigger these without end.
LIMITED_KINDS = frozenset({
    "invitation", "invitation_test", "code", "username", "confirm_address", "address_asked", "unblocked", "microsoft",
    "password_link",
})  # fmt: skip
# These report an event and must not be suppressed. Each follows from something that is limited itself: a message of
# LIMITED_KINDS, a re-authentication of the recipient, a job of the worker, or support, which gives a reason.
UNLIMITED_KINDS = frozenset({
    "blocked", "address_changed", "password_changed", "factor_added", "factor_removed", "factors_reset",
    "factor_duty_ahead", "recovery_codes_made", "recovery_code_used", "looked_along", "office_closed",
    "office_reopened", "invitation_refused", "signals", "hygiene", "checkpoint",
})  # fmt: skip
_SMS_KINDS = ("invitation", "code")  # an invitation leads to an SMS later


class MessageLimitReached(Throttled):
    """The limit of `recipient` has been reached or, if that is "", the limit of the sender or the office."""

    def __init__(self, wait: timedelta, recipient: str = "") -> None:
        super().__init__(wait)
        self.recipient = recipient

    def __str__(self) -> str:
        if self.recipient:
            text = ngettext(
                "Many messages have already been sent to %(recipient)s, so nothing was sent. Try again in %(minutes)d"
                " minute.",
                "Many messages have already been sent to %(recipient)s, so nothing was sent. Try again in %(minutes)d"
                " minutes.",
                self.minutes,
            )
        else:
            text = ngettext(
                "Your office has sent many messages, so nothing was sent. Try again in %(minutes)d minute.",
                "Your office has sent many messages, so nothing was sent. Try again in %(minutes)d minutes.",
                self.minutes,
            )
        return text % {"recipient": self.recipient, "minutes": self.minutes}


class RequestedMessage(NamedTuple):
    """A requested message: kind, e-mail address or number, office and requester."""

    kind: str
    to: str
    provider_id: UUID | None
    by: Actor


_batch: ContextVar[list[RequestedMessage] | None] = ContextVar("batch", default=None)


def charge_messages(messages: Iterable[tuple[str, str, UUID | None]], by: Actor | None) -> None:
    """Count messages, each given as kind, recipient and office, that `by` requests. Raises MessageLimitReached.

    Messages of UNLIMITED_KINDS are not counted, nor are those sent by a command of the operator.
    """
    limited = [message for message in messages if message[0] in LIMITED_KINDS]
    if limited and by is None:
        raise ValueError(f"no requester of the message {limited[0][0]}")
    if by is None or by.origin == "command":
        return
    requested = [RequestedMessage(*message, by) for message in limited]
    if (batch := _batch.get()) is not None:
        batch += requested
    elif requested:
        _consume_limits(requested)


@contextmanager
def batch_charges() -> Iterator[None]:
    """Count the messages of this block together at its end, within the surrounding transaction.

    Raises MessageLimitReached.
    """
    if _batch.get() is not None:
        yield
        return
    batch: list[RequestedMessage] = []
    token = _batch.set(batch)
    try:
        yield
    finally:
        _batch.reset(token)
    if batch:
        _consume_limits(batch)


def count_messages_left(provider_id: UUID, by: Actor, kind: str) -> int:
    """Return how many more messages of `kind` the sender can request in this office now."""
    keys = _iter_limit_keys(RequestedMessage(kind, "", provider_id, by))
    return throttle.count_attempts_left([key for key in keys if key[0].name not in _RECIPIENT_LIMIT_NAMES])


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
        raise MessageLimitReached(wait, named[key])


_RECIPIENT_LIMIT_NAMES = ("messages to one, an hour", "messages to one, a day")


def _iter_limit_keys(message: RequestedMessage) -> Iterator[tuple[RateLimit, str]]:
    """Yield the limits and keys that a message counts against."""
    # Password links count separately: other messages to a user must not use up the limit on their password links.
    yield from _iter_recipient_keys(f"{message.kind} {message.to}" if message.kind == "password_link" else message.to)
    if message.by.user is not None:
        yield _build_limit("messages by one", settings.LOKET_MESSAGES_BY_ONE_PER_HOUR), str(message.by.user.pk)
    if message.provider_id is not None:
        office = str(message.provider_id)
        yield _build_limit("messages of an office", settings.LOKET_MESSAGES_PER_HOUR), office
        if message.kind in _SMS_KINDS:
            yield _build_limit(f"{message.kind}s of an office", settings.LOKET_SMS_PER_HOUR), office


def _iter_recipient_keys(address: str) -> Iterator[tuple[RateLimit, str]]:
    (an_hour, a_day), key = _RECIPIENT_LIMIT_NAMES, compute_email_key(address)
    yield _build_limit(an_hour, settings.LOKET_MESSAGES_TO_ONE_PER_HOUR), key
    yield _build_limit(a_day, settings.LOKET_MESSAGES_TO_ONE_PER_DAY, timedelta(days=1)), key


def _build_limit(name: str, number: int, period: timedelta = timedelta(hours=1)) -> RateLimit:
    return RateLimit(name, number, period / max(number, 1))
