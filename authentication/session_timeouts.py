"""Idle and absolute timeout of a session; `session_store` and `ended_sessions` refuse one that has expired.

The limits are settings; docs/adr/0021-session-limits.md has their sources.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from core import clock_skew

SIGNED_IN_AT_KEY, BY_SSO_KEY, ENDED_KEY = "signed_in_at", "by_sso", "ended"  # in the data of a session
LAST_USED_PRECISION = timedelta(minutes=1)  # between updates of the last use: a session ends at most this much early
# An ended session gives no access, but still identifies the user who submitted a form too late.
ENDED_SESSION_RETENTION = timedelta(hours=12)


class SessionEndReason(StrEnum):
    IDLE = "idle"
    LIFETIME = "lifetime"
    SSO = "sso"
    OTHERWISE = "otherwise"  # on another device, by an administrator, by a new password


class SessionTimeLeft(NamedTuple):
    """Seconds until the session ends: without further use, and in any case."""

    idle: int
    lifetime: int


class SessionLifetime(NamedTuple):
    """Start and last use of a session, and whether an SSO ticket started it."""

    began_at: datetime
    used_at: datetime
    by_sso: bool

    def get_end_reason(self) -> SessionEndReason | None:
        """Return why the session has ended, None while it is active."""
        now = timezone.now()
        if clock_skew.is_in_future(self.began_at) or clock_skew.is_in_future(self.used_at):
            return SessionEndReason.OTHERWISE
        if now >= self.began_at + get_absolute_timeout(by_sso=self.by_sso):
            return SessionEndReason.SSO if self.by_sso else SessionEndReason.LIFETIME
        return SessionEndReason.IDLE if now >= self.used_at + get_idle_timeout() else None

    def get_time_left(self, *, is_activity: bool) -> SessionTimeLeft:
        """Return the time left after this request; `is_activity`: the user caused the request."""
        now = timezone.now()
        used_at = now if is_activity and now - self.used_at >= LAST_USED_PRECISION else self.used_at
        ends_at = self.began_at + get_absolute_timeout(by_sso=self.by_sso)
        return SessionTimeLeft(
            *(max(0, int((moment - now).total_seconds())) for moment in (used_at + get_idle_timeout(), ends_at))
        )


def get_idle_timeout() -> timedelta:
    return timedelta(minutes=settings.LOKET_SESSION_IDLE_MINUTES)


def get_absolute_timeout(*, by_sso: bool) -> timedelta:
    minutes = settings.LOKET_SSO_SESSION_MINUTES if by_sso else settings.LOKET_SESSION_LIFETIME_MINUTES
    return timedelta(minutes=minutes)
