"""The picture of a `Timeline`: places in an SVG of 1,000 units wide."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import formats, timezone
from django.utils.text import Truncator

from history.presenters.user_timeline import Lane, Span, Timeline

LEFT, RIGHT = 172, 992
TOP, ROW = 28, 28
_MARK_WIDTH = 20
_TODAY_WIDTH = 64
_MIN_TEXT_WIDTH = 6.4  # of a character


class PeriodBar(NamedTuple):
    x: float
    width: float
    text: str  # "" if it does not fit
    title: str


class LanePicture(NamedTuple):
    lane: Lane
    short_name: str
    y: int
    bars: list[PeriodBar]


class Mark(NamedTuple):
    x: float
    number: int
    title: str


@dataclass(frozen=True)
class TimelinePicture:
    height: int
    months: list[tuple[float, str]]
    lanes: list[LanePicture]
    blocks: list[PeriodBar]
    marks: list[Mark]


def draw_timeline(timeline: Timeline, begin: datetime) -> TimelinePicture:
    scale = _Scale(begin, timeline.now)
    lanes = [
        LanePicture(lane, Truncator(lane.name).chars(24), TOP + ROW * row, [scale.place(span) for span in lane.spans])
        for row, lane in enumerate(timeline.lanes, 1)
    ]
    blocks = [scale.place(span) for span in timeline.blocks]
    height = TOP + ROW * (len(lanes) + 1) + 8
    return TimelinePicture(height, scale.list_months(), lanes, blocks, _group_marks(timeline, scale))


class _Scale:
    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin, self.end = begin, end

    def find_x(self, at: datetime) -> float:
        share = (max(at, self.begin) - self.begin) / (self.end - self.begin)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def place(self, span: Span) -> PeriodBar:
        x = self.find_x(span.since)
        width = max(2.0, round(self.find_x(span.until or self.end) - x, 1))
        until = formats.date_format(timezone.localtime(span.until), "j F Y") if span.until else "…"
        title = f"{span.text}: {formats.date_format(timezone.localtime(span.since), 'j F Y')} – {until}"
        return PeriodBar(x, width, span.text if len(span.text) * _MIN_TEXT_WIDTH + 12 <= width else "", title)

    def list_months(self) -> list[tuple[float, str]]:
        month = timezone.localtime(self.begin).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        months = []
        while (month := (month + timedelta(days=32)).replace(day=1)) < self.end:
            x = self.find_x(month)
            text = formats.date_format(month, "M y" if month.month == 1 else "M")
            months.append((x, text if x < RIGHT - _TODAY_WIDTH else ""))
        return months


def _group_marks(timeline: Timeline, scale: _Scale) -> list[Mark]:
    """Return a mark for each place with events; those that would overlap are one."""
    marks: list[Mark] = []
    for row in reversed(timeline.rows):
        x = scale.find_x(row.event.at)
        day = formats.date_format(timezone.localtime(row.event.at), "j F Y H:i")
        title = f"{day}: {row.event.get_verb_display()}"
        if marks and x - marks[-1].x < _MARK_WIDTH:
            last = marks.pop()
            marks.append(Mark(last.x, last.number + 1, f"{last.title}\n{title}"))
        else:
            marks.append(Mark(min(x, RIGHT - 8), 1, title))
    return marks
