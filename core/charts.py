"""Charts drawn on the server: the geometry of the templates in templates/charts/.

Positions are shares of the width, so that text and patterns keep their size on every screen. The page shows the same
figures as text beside the chart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, NamedTuple

Tone = Literal["good", "attention", "bad", "none", "accent"]


_SMALLEST_SCALE = 4  # so that one or two do not look like a crowd


def _format_share(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"


@dataclass(frozen=True)
class Part:
    """One part of a whole, with the link to what it counts; `total` is the whole."""

    label: str
    count: int
    total: int
    tone: Tone = "accent"
    url: str = ""

    @property
    def percentage(self) -> int:
        return round(100 * self.count / self.total) if self.total else 0

    @property
    def width(self) -> str:
        return _format_share(100 * self.count / self.total if self.total else 0)


class Segment(NamedTuple):
    part: Part
    x: str


@dataclass(frozen=True)
class StackedBar:
    """Parts of one whole beside each other; `key` tells the patterns of several charts on a page apart."""

    key: str
    label: str
    parts: Sequence[Part]

    @property
    def segments(self) -> list[Segment]:
        """The parts that are not zero, each with where it starts."""
        found, start = [], 0
        for part in self.parts:
            if part.count:
                found.append(Segment(part, _format_share(100 * start / part.total)))
            start += part.count
        return found


class Bar(NamedTuple):
    """What came on a day (`up`) and what left (`down`); `name` is the day in full, `url` the page of that day."""

    label: str
    up: int
    down: int = 0
    name: str = ""
    url: str = ""
    is_current: bool = False


class DrawnBar(NamedTuple):
    bar: Bar
    x: str
    width: str
    center: str
    slot_x: str
    slot_width: str
    up_y: int
    up_height: int
    down_height: int


@dataclass(frozen=True)
class DayBars:
    """A bar per day on a square-root scale, so that a quiet day stays visible beside a busy one."""

    key: str
    label: str
    bars: Sequence[Bar]
    height: int = 48  # of the longest bar, in pixels

    TOP = 16  # room for the figure above a bar

    @property
    def base(self) -> int:
        return self.TOP + self.height

    @property
    def total_height(self) -> int:
        return self.base + max((bar.down_height for bar in self.drawn), default=0) + 30

    @property
    def drawn(self) -> list[DrawnBar]:
        largest = max(_SMALLEST_SCALE, *(max(bar.up, bar.down) for bar in self.bars))
        slot = 100 / max(len(self.bars), 1)
        found = []
        for number, bar in enumerate(self.bars):
            up, down = (self._scale(count, largest) for count in (bar.up, bar.down))
            x, center = (_format_share(slot * (number + offset)) for offset in (0.2, 0.5))
            found.append(
                DrawnBar(
                    bar, x, _format_share(slot * 0.6), center, _format_share(slot * number), _format_share(slot),
                    self.base - up, up, down,
                )
            )  # fmt: skip
        return found

    def _scale(self, count: int, largest: int) -> int:
        return max(3, round(self.height * sqrt(count / largest))) if count else 0
