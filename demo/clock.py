"""A moved clock, under which the regular actions make history.

Only for filling the demo: every thread of the process sees it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from unittest.mock import patch
from uuid import UUID

from django.utils import timezone
from uuid_utils.compat import uuid7

from core import ids

_get_real_time = time.time
_RANDOM_BITS = 80  # of a UUID, below its milliseconds (RFC 9562 section 5.7)


def get_real_now() -> datetime:
    """Return the time of this machine, even while the clock is moved."""
    return datetime.fromtimestamp(_get_real_time(), UTC)


@contextmanager
def set_clock(moment: datetime) -> Iterator[None]:
    """Let times of rows and events, identifiers and codes of apps go on from `moment` instead of now."""
    behind = _get_real_time() - moment.timestamp()

    def get_time() -> float:
        return _get_real_time() - behind

    class MovedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(get_time(), tz)

    # Defaults of fields hold the functions `timezone.now` and `ids.uuid7` themselves, so what these use is replaced.
    with (
        patch.object(timezone, "datetime", MovedDatetime),
        patch.object(time, "time", get_time),
        patch.object(ids, "_uuid7", lambda: UUID(int=uuid7().int - (int(behind * 1000) << _RANDOM_BITS))),
    ):
        yield
