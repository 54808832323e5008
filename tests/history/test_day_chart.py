"""The bars of the last 30 days above the history of an office."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from audit.insert import insert_events
from audit.models import Event
from core.dates import get_day_start
from history import daily_counts
from history.daily_counts import count_events_by_day
from history.presenters.day_chart import build_day_chart


@pytest.fixture(autouse=True)
def _no_cached_counts() -> Iterator[None]:
    yield
    cache.clear()


def insert(office: Provider, at: datetime, number: int) -> None:
    fields = {"who": {"name": "x"}, "what": {"name": "y"}, "verb": "exported", "target_kind": "user", "origin": "page"}
    with patch("django.utils.timezone.now", return_value=at):
        insert_events([Event(provider_id=office.pk, **fields) for _number in range(number)])


@pytest.mark.django_db
def test_events_are_counted_in_their_local_day(office: Provider) -> None:
    today, other = timezone.localdate(), Provider.objects.create(name="Ander")
    yesterday = get_day_start(today - timedelta(days=1))
    for at, number in (
        (yesterday, 2), (yesterday + timedelta(hours=23, minutes=59), 3), (yesterday - timedelta(seconds=1), 4),
        (get_day_start(today), 5), (yesterday - timedelta(days=29), 6),
    ):  # fmt: skip
        insert(office, at, number)
    insert(other, yesterday, 7)
    counts = count_events_by_day(office.pk, today)
    assert len(counts) == 30
    assert list(counts.values())[-3:] == [4, 5, 5]
    assert sum(counts.values()) == 14, "and none of before these days or of another office"


@pytest.mark.django_db
def test_a_day_is_counted_up_to_a_bound(office: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_counts, "MAX_EVENTS", 10)
    insert(office, get_day_start(timezone.localdate()), 25)
    assert list(count_events_by_day(office.pk, timezone.localdate()).values())[-1] == 11


def build_counts(**numbers: int) -> dict[date, int]:
    counts = {date(2026, 11, 1) + timedelta(days=number): 0 for number in range(30)}
    return counts | {date(2026, 11, int(day[1:])): number for day, number in numbers.items()}


def test_days_far_busier_than_the_others_are_cut() -> None:
    chart = build_day_chart(build_counts(d5=120, d6=96, d7=1041, d8=60), None)
    assert [bar.number for bar in chart.bars if bar.is_cut] == ["1.041"]
    assert chart.gridlines[0][1] == "120"
    assert chart.total == "1.317"
    assert "zaterdag 7 november: 1.041 gebeurtenissen" in chart.description


def test_nothing_is_cut_when_days_are_alike_or_alone() -> None:
    for counts in (build_counts(d5=120, d6=96, d7=200), build_counts(d9=3000), build_counts()):
        assert not [bar for bar in build_day_chart(counts, None).bars if bar.is_cut]


def test_a_day_beyond_the_bound_says_so() -> None:
    chart = build_day_chart(build_counts(d5=10_001, d6=9_000), date(2026, 11, 6))
    assert [bar.number for bar in chart.bars if bar.events] == ["10.000+", "9.000"]
    assert chart.total == "19.000+"
    assert [bar.day.day for bar in chart.bars if bar.is_chosen] == [6]


@pytest.mark.django_db
def test_bars_and_table_lead_to_the_day(alice_client: Client, office: Provider, alice: User) -> None:
    today = timezone.localdate()
    insert(office, get_day_start(today), 3)
    page = alice_client.get("/historie/").text
    link = f"/historie/?since={today}&amp;until={today}"
    assert page.count(f'href="{link}"') == 2
    assert re.search(r'<svg[^>]*role="group"[^>]*aria-labelledby="day-chart-text"', page)
    assert "style=" not in page
    assert len(alice_client.get(link.replace("&amp;", "&")).context["rows"]) == 3
    assert "<svg viewBox" not in alice_client.get("/historie/?view=lines").text
