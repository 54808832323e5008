"""When the session of a user ends: after a time without requests, and so long after signing in at the latest.

The limits are settings of the operator; docs/decisions/session-limits.md has their sources.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from loket import clocks

SIGNED_IN_AT, BY_SSO, ENDED = "signed_in_at", "by_sso", "ended"  # in the data of a session
COARSE = timedelta(minutes=1)  # between two notes of the last use: a session ends at most this much early
GRACE = timedelta(hours=12)  # an ended session opens nothing, but still says whose form was sent too late


class Ended(StrEnum):
    """Why a session ended."""

    IDLE = "idle"
    LIFETIME = "lifetime"
    SSO = "sso"
    OTHERWISE = "otherwise"  # on another device, by an administrator, by a new password


class Left(NamedTuple):
    """In how many seconds a session ends without further use, and in any case."""

    idle: int
    lifetime: int


class Life(NamedTuple):
    """The session of a user: since when, last used when, and whether a portal began it."""

    began_at: datetime
    used_at: datetime
    by_sso: bool

    def ended(self) -> Ended | None:
        """Return why the session has ended, None while it goes on."""
        now = timezone.now()
        if clocks.is_ahead(self.began_at) or clocks.is_ahead(self.used_at):
            return Ended.OTHERWISE
        if now >= self.began_at + lifetime(by_sso=self.by_sso):
            return Ended.SSO if self.by_sso else Ended.LIFETIME
        return Ended.IDLE if now >= self.used_at + idle() else None

    def left(self, *, counts: bool) -> Left:
        """Return what is left after this request; `counts` says whether the request is one of the user."""
        now = timezone.now()
        used_at = now if counts and now - self.used_at >= COARSE else self.used_at
        ends_at = self.began_at + lifetime(by_sso=self.by_sso)
        return Left(*(max(0, int((moment - now).total_seconds())) for moment in (used_at + idle(), ends_at)))


def idle() -> timedelta:
    """Return how long a session goes on without a request of its user."""
    return timedelta(minutes=settings.LOKET_SESSION_IDLE_MINUTES)


def lifetime(*, by_sso: bool) -> timedelta:
    """Return how long a session goes on at most."""
    minutes = settings.LOKET_SSO_SESSION_MINUTES if by_sso else settings.LOKET_SESSION_LIFETIME_MINUTES
    return timedelta(minutes=minutes)
