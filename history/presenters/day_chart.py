"""Bars of the numbers of events by day, as figures for an SVG of 736 by 106."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.paging import build_query_string
from history.daily_counts import MAX_EVENTS
from history.presenters.act_sentences import format_count

_LEFT, _STEP, _BAR_WIDTH, _BASE, _HEIGHT = 36, 23, 18, 78, 58
_CUT_ABOVE = 3  # a day with more than so many times the next busiest is cut


class DayBar(NamedTuple):
    """A day as the text of attributes: of the bar from `x` and `y`, of the day's place from `left` to its `center`."""

    day: date
    events: int
    left: str
    x: str
    y: str
    height: str
    center: str
    is_cut: bool
    is_chosen: bool
    label: str  # the day and its number in words
    number: str
    name: str
    tick: str  # below the bar, on every seventh
    query: str  # of the list of that day


class DayChart(NamedTuple):
    bars: list[DayBar]
    gridlines: list[tuple[str, str]]
    total: str
    description: str


def build_day_chart(counts: Mapping[date, int], chosen: date | None) -> DayChart:
    scale = _choose_scale(sorted(counts.values(), reverse=True))
    days = list(counts)
    bars = [
        _build_bar(
            day, counts[day], scale, x=_LEFT + number * _STEP, is_chosen=day == chosen, age=len(days) - 1 - number
        )
        for number, day in enumerate(days)
    ]
    gridlines = [(f"{_BASE - _HEIGHT * share:g}", format_count(round(scale * share))) for share in (1, 0.5, 0)]
    total = sum(min(count, MAX_EVENTS) for count in counts.values())
    text = format_count(total) + ("+" if any(count > MAX_EVENTS for count in counts.values()) else "")
    busiest = max(bars, key=lambda bar: bar.events)
    description = _("Events per day in 30 days: %(total)s. Most on %(busiest)s.") % {
        "total": text,
        "busiest": busiest.label,
    }
    return DayChart(bars, gridlines, text, description)


def _build_bar(day: date, events: int, scale: int, *, x: int, is_chosen: bool, age: int) -> DayBar:
    height = max(2.0, _HEIGHT * min(events / scale, 1)) + (8 if events > scale else 0) if events else 0
    number, name = (
        format_count(min(events, MAX_EVENTS)) + ("+" if events > MAX_EVENTS else ""),
        date_format(day, "l j F"),
    )
    label = ngettext("%(day)s: %(number)s event", "%(day)s: %(number)s events", events)
    return DayBar(
        day=day,
        events=events,
        left=str(x - 2),
        x=str(x),
        y=f"{_BASE - height:.1f}",
        height=f"{height:.1f}",
        center=str(x + _BAR_WIDTH // 2),
        is_cut=events > scale,
        is_chosen=is_chosen,
        label=label % {"day": name, "number": number},
        number=number,
        name=name,
        tick=_("today") if not age else "" if age % 7 else date_format(day, "j b"),
        query=build_query_string(since=day.isoformat(), until=day.isoformat()),
    )


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
