"""The moved clock of the demo."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.models import Provider
from core.ids import uuid7
from demo.clock import get_real_now, set_clock
from outbox.models import Message

LONG_AGO = datetime(2025, 3, 1, 9, 30, tzinfo=ZoneInfo("Europe/Amsterdam"))
MINUTE = timedelta(minutes=1)


@pytest.mark.django_db
def test_times_and_identifiers_agree_under_a_moved_clock() -> None:
    with set_clock(LONG_AGO):
        office = Provider.objects.create(name="Vroeger")
        moments = [
            timezone.now(),
            office.created_at,
            Message().due,
            datetime.fromtimestamp(time.time(), LONG_AGO.tzinfo),
        ]
        assert all(LONG_AGO <= moment < LONG_AGO + MINUTE for moment in moments)
        assert timezone.localdate() == LONG_AGO.date()
        assert get_real_now() > LONG_AGO + MINUTE
    assert LONG_AGO <= datetime.fromtimestamp((office.pk.int >> 80) / 1000, LONG_AGO.tzinfo) < LONG_AGO + MINUTE
    assert office.pk.version == 7


def test_identifiers_stay_in_order_and_the_clock_returns() -> None:
    with set_clock(LONG_AGO):
        made = [uuid7() for _number in range(1000)]
        with set_clock(LONG_AGO + MINUTE):
            later = uuid7()
    assert made == sorted(made)
    assert made[-1] < later < uuid7()
    assert abs(timezone.now() - get_real_now()) < MINUTE
