"""Tolerance for timestamps written by a wrong clock.

The clock of a server may run ahead for a while, and the clocks of two servers differ. A timestamp further in the future
than its own limit allows was written by a wrong clock and is ignored.
"""

import time
from datetime import datetime, timedelta

from django.utils import timezone

MAX_CLOCK_SKEW = timedelta(minutes=5)  # allowed difference between two servers, as in Kerberos (RFC 4120, section 8.2)


def is_still_valid(moment: datetime, *, within: timedelta = timedelta(0)) -> bool:
    """Return whether `moment`, set at most `within` ahead, is in the future; False if it is further ahead."""
    now = timezone.now()
    return now < moment <= now + within + MAX_CLOCK_SKEW


def is_in_future(moment: datetime) -> bool:
    """Return whether `moment`, in the past by the clock that wrote it, is more than `MAX_CLOCK_SKEW` in the future."""
    return moment > timezone.now() + MAX_CLOCK_SKEW


def is_recent(seconds: float, *, within: float) -> bool:
    """Return whether a past time in seconds since 1970, by whichever clock, is less than `within` seconds ago."""
    return -MAX_CLOCK_SKEW.total_seconds() <= time.time() - seconds < within
