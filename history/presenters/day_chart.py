"""Bars of the numbers of events by day, as figures for an SVG of 736 by 98."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from history.daily_counts import MAX_EVENTS
from history.presenters.act_sentences import format_count

_LEFT, _STEP, _BAR_WIDTH, _BASE, _HEIGHT = 36, 23, 18, 78, 58
_CUT_ABOVE = 3  # a day with more than so many times the next busiest is cut


class Bar(NamedTuple):
    day: date
    events: int
    x: int
    y: float
    height: float
    is_cut: bool
    is_chosen: bool
    label: str  # the day and its number in words
    number: str

    @property
    def center(self) -> float:
        return self.x + _BAR_WIDTH / 2


class DayChart(NamedTuple):
    bars: list[Bar]
    gridlines: list[tuple[float, str]]
    total: str
    description: str


def build_day_chart(counts: Mapping[date, int], chosen: date | None) -> DayChart:
    scale = _choose_scale(sorted(counts.values(), reverse=True))
    bars = [
        _build_bar(day, count, scale, x=_LEFT + number * _STEP, is_chosen=day == chosen)
        for number, (day, count) in enumerate(counts.items())
    ]
    gridlines = [(_BASE - _HEIGHT * share, format_count(round(scale * share))) for share in (1, 0.5, 0)]
    total = sum(min(count, MAX_EVENTS) for count in counts.values())
    text = format_count(total) + ("+" if any(count > MAX_EVENTS for count in counts.values()) else "")
    busiest = max(bars, key=lambda bar: bar.events)
    description = _("Events per day in 30 days: %(total)s. Most on %(busiest)s.") % {
        "total": text,
        "busiest": busiest.label,
    }
    return DayChart(bars, gridlines, text, description)


def _build_bar(day: date, count: int, scale: int, *, x: int, is_chosen: bool) -> Bar:
    height = max(2.0, round(_HEIGHT * min(count / scale, 1), 1)) if count else 0
    height += 8 if count > scale else 0
    number = format_count(min(count, MAX_EVENTS)) + ("+" if count > MAX_EVENTS else "")
    label = ngettext("%(day)s: %(number)s event", "%(day)s: %(number)s events", count) % {
        "day": date_format(day, "l j F"),
        "number": number,
    }
    return Bar(day, count, x, _BASE - height, height, count > scale, is_chosen, label, number)


def _choose_scale(falling: Sequence[int]) -> int:
    """Return the top of the axis: at most three days far busier than all others rise above it."""
    top = 0
    for number, following in enumerate([*falling[1:4], 0]):
        top = number
        if not following or falling[number] <= _CUT_ABOVE * max(following, 8):
            break
    return _round_up(max(falling[top], 4))


def _round_up(value: int) -> int:
    """Return the next even number of one or two figures before its zeros."""
    sizes: Iterable[int] = (size * 10**power for power in range(7) for size in (4, 6, 8, 10, 12, 16, 20, 30))
    return min(size for size in sizes if size >= value)
