"""Moments that were written by a clock that was wrong.

The clock of a server may run ahead for a while, and those of two servers differ. A moment further in the future than
its own limit allows was written by a wrong clock, and counts for nothing.
"""

from datetime import datetime, timedelta

from django.utils import timezone

SKEW = timedelta(minutes=5)  # what the clocks of two servers may differ by, as in Kerberos (RFC 4120, section 8.2)


def is_before(moment: datetime, *, within: timedelta = timedelta(0)) -> bool:
    """Return whether now is before `moment` that was set at most `within` ahead: False as well when it lies further."""
    now = timezone.now()
    return now < moment <= now + within + SKEW


def is_ahead(moment: datetime) -> bool:
    """Return whether `moment`, which has passed by the clock that wrote it, lies in the future by more than `SKEW`."""
    return moment > timezone.now() + SKEW
