"""Limits on requested messages: per recipient, per sender and per office, on every path.

Email bombing needs one address, SMS pumping many numbers. The counts belong to the transaction of the change: a
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

from signin import throttle
from signin.throttle import Limit, Throttled

if TYPE_CHECKING:
    from audit.actors import Actor

# Users could otherwise trigger these without end.
ASKED = frozenset({
    "invitation", "invitation_test", "code", "username", "confirm_address", "address_asked", "unblocked", "microsoft",
    "password_link",
})  # fmt: skip
# These report an event and must not be suppressed. Each follows from something that is limited itself: a message of
# ASKED, a re-authentication of the recipient, a job of the worker, or support, which gives a reason.
TELLING = frozenset({
    "blocked", "address_changed", "password_changed", "factor_added", "factor_removed", "factors_reset",
    "factor_duty_ahead", "recovery_codes_made", "recovery_code_used", "looked_along", "office_closed",
    "office_reopened", "invitation_refused", "signals", "hygiene", "checkpoint",
})  # fmt: skip
_WITH_SMS = ("invitation", "code")  # an invitation leads to an SMS later


class TooMany(Throttled):
    """The limit of `recipient` is reached, or with "" that of the sender or the office."""

    def __init__(self, wait: timedelta, recipient: str = "") -> None:
        super().__init__(wait)
        self.recipient = recipient

    def __str__(self) -> str:
        if self.recipient:
            text = ngettext(
                "Many messages have been sent to %(recipient)s. Nothing has been sent now. Try again in %(minutes)d"
                " minute.",
                "Many messages have been sent to %(recipient)s. Nothing has been sent now. Try again in %(minutes)d"
                " minutes.",
                self.minutes,
            )
        else:
            text = ngettext(
                "Your office has sent many messages. Nothing has been sent now. Try again in %(minutes)d minute.",
                "Your office has sent many messages. Nothing has been sent now. Try again in %(minutes)d minutes.",
                self.minutes,
            )
        return text % {"recipient": self.recipient, "minutes": self.minutes}


class Asked(NamedTuple):
    """A requested message: kind, email address or number, office and requester."""

    kind: str
    to: str
    provider_id: UUID | None
    by: Actor


_together: ContextVar[list[Asked] | None] = ContextVar("together", default=None)


def charge(messages: Iterable[tuple[str, str, UUID | None]], by: Actor | None) -> None:
    """Count messages, each given as kind, recipient and office, that `by` requests. Raises TooMany.

    Messages of TELLING are not counted, nor are those sent by a command of the operator.
    """
    asked = [message for message in messages if message[0] in ASKED]
    if asked and by is None:
        raise ValueError(f"who asks for the message {asked[0][0]}?")
    if by is None or by.origin == "command":
        return
    waiting = [Asked(*message, by) for message in asked]
    if (kept := _together.get()) is not None:
        kept += waiting
    elif waiting:
        _spend(waiting)


@contextmanager
def together() -> Iterator[None]:
    """Count the messages of this block at once at its end, inside the surrounding transaction. Raises TooMany."""
    if _together.get() is not None:
        yield
        return
    kept: list[Asked] = []
    token = _together.set(kept)
    try:
        yield
    finally:
        _together.reset(token)
    if kept:
        _spend(kept)


def room(provider_id: UUID, by: Actor, kind: str) -> int:
    """Return how many more messages of `kind` the sender can request in this office now."""
    limits = [key for key in _keys(Asked(kind, "", provider_id, by)) if key[0].name not in _TO_ONE]
    return throttle.left(limits)


def refused(addresses: Iterable[str]) -> dict[str, TooMany]:
    """Return the addresses and numbers that have reached their limit, with the wait. One query."""
    keys = {key: address for address in addresses for key in _to(address)}
    return {keys[key]: TooMany(wait, keys[key]) for key, wait in throttle.out(keys).items()}


def _spend(messages: list[Asked]) -> None:
    counts: Counter[tuple[Limit, str]] = Counter()
    named: dict[tuple[Limit, str], str] = {}
    for message in messages:
        for key in _keys(message):
            counts[key] += 1
            named.setdefault(key, message.to if "@" in message.to and key[0].name in _TO_ONE else "")
    if (refused := throttle.charge_all(counts)) is not None:
        key, wait = refused
        raise TooMany(wait, named[key])


_TO_ONE = ("messages to one, an hour", "messages to one, a day")


def _keys(message: Asked) -> Iterator[tuple[Limit, str]]:
    """Yield the limits and keys that a message counts against."""
    # Password links count separately: other messages to a user must not use up the limit on their password links.
    yield from _to(f"{message.kind} {message.to}" if message.kind == "password_link" else message.to)
    if message.by.user is not None:
        yield _limit("messages by one", settings.LOKET_MESSAGES_BY_ONE_PER_HOUR), str(message.by.user.pk)
    if message.provider_id is not None:
        office = str(message.provider_id)
        yield _limit("messages of an office", settings.LOKET_MESSAGES_PER_HOUR), office
        if message.kind in _WITH_SMS:
            yield _limit(f"{message.kind}s of an office", settings.LOKET_SMS_PER_HOUR), office


def _to(address: str) -> Iterator[tuple[Limit, str]]:
    yield _limit(_TO_ONE[0], settings.LOKET_MESSAGES_TO_ONE_PER_HOUR), address.casefold()
    yield _limit(_TO_ONE[1], settings.LOKET_MESSAGES_TO_ONE_PER_DAY, timedelta(days=1)), address.casefold()


def _limit(name: str, number: int, period: timedelta = timedelta(hours=1)) -> Limit:
    return Limit(name, number, period / max(number, 1))
