"""Session expiry: idle timeout and absolute timeout.

The limits are settings; docs/decisions/session-limits.md has their sources.
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
    IDLE = "idle"
    LIFETIME = "lifetime"
    SSO = "sso"
    OTHERWISE = "otherwise"  # on another device, by an administrator, by a new password


class Left(NamedTuple):
    """Seconds until the session ends: without further use, and in any case."""

    idle: int
    lifetime: int


class Life(NamedTuple):
    """Start and last use of a session, and whether an SSO ticket started it."""

    began_at: datetime
    used_at: datetime
    by_sso: bool

    def ended(self) -> Ended | None:
        """Return why the session has ended, None while it is active."""
        now = timezone.now()
        if clocks.is_ahead(self.began_at) or clocks.is_ahead(self.used_at):
            return Ended.OTHERWISE
        if now >= self.began_at + lifetime(by_sso=self.by_sso):
            return Ended.SSO if self.by_sso else Ended.LIFETIME
        return Ended.IDLE if now >= self.used_at + idle() else None

    def left(self, *, counts: bool) -> Left:
        """Return the time left after this request; `counts` says whether the request counts as activity of the user."""
        now = timezone.now()
        used_at = now if counts and now - self.used_at >= COARSE else self.used_at
        ends_at = self.began_at + lifetime(by_sso=self.by_sso)
        return Left(*(max(0, int((moment - now).total_seconds())) for moment in (used_at + idle(), ends_at)))


def idle() -> timedelta:
    return timedelta(minutes=settings.LOKET_SESSION_IDLE_MINUTES)


def lifetime(*, by_sso: bool) -> timedelta:
    minutes = settings.LOKET_SSO_SESSION_MINUTES if by_sso else settings.LOKET_SESSION_LIFETIME_MINUTES
    return timedelta(minutes=minutes)
