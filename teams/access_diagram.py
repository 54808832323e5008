"""The drawing of the page Why?: the ways from a user to a right, as boxes and links of an SVG and as lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from permissions.access_ways import AccessWay, WayLink
from permissions.catalog import Right
from permissions.effective import InactiveReason
from permissions.explain import AccessExplanation
from permissions.models import Employer, Team
from teams.queries import CountedTeam, annotate_counts

MAX_WAYS = 3
_WIDTH, _BOX_HEIGHT, _ROW_HEIGHT, _TOP = 974, 64, 118, 36
_MARGIN = 40  # room for words under the last row
_COLUMNS = ((0, 160), (224, 200), (488, 226), (778, 196))  # x and width of the boxes


class Node(NamedTuple):
    icon: str
    kind: str
    name: str
    detail: str = ""


class Box(NamedTuple):
    node: Node
    x: int
    y: int
    width: int
    is_broken: bool

    @property
    def short_name(self) -> str:
        return Truncator(self.node.name).chars((self.width - 50) // 8)

    @property
    def short_detail(self) -> str:
        return Truncator(self.node.detail).chars((self.width - 50) // 6)

    @property
    def text_x(self) -> int:
        return self.x + 42

    @property
    def center_y(self) -> int:
        return self.y + _BOX_HEIGHT // 2


class Line(NamedTuple):
    link: WayLink
    path: str
    x: int  # of the mark
    y: int
    words_y: int


class Step(NamedTuple):
    """A node of a way after the link that leads to it, None for the first."""

    link: WayLink | None
    node: Node


@dataclass(frozen=True)
class DrawnWay:
    way: AccessWay
    steps: Sequence[Step]

    @property
    def title(self) -> str:
        count = self.way.missing
        if not count:
            return _("complete")
        text = ngettext("%(count)s link is missing", "%(count)s links are missing", count)
        return text % {"count": count}


@dataclass(frozen=True)
class AccessDiagram:
    """At most MAX_WAYS ways; `others` are not drawn. Geometry is in the units of the view box."""

    ways: Sequence[DrawnWay]
    others: int

    width = _WIDTH

    @property
    def height(self) -> int:
        return _TOP + len(self.ways) * _ROW_HEIGHT - (_ROW_HEIGHT - _BOX_HEIGHT) + _MARGIN

    @property
    def middle(self) -> int:
        return _TOP + ((len(self.ways) - 1) * _ROW_HEIGHT) // 2

    @property
    def captions(self) -> list[tuple[int, int]]:
        x, width = _COLUMNS[1]
        return [(x + width // 2, self._row_y(row) - 9) for row in range(len(self.ways))] if self.ways[1:] else []

    @property
    def boxes(self) -> list[Box]:
        first, last = self.ways[0].steps[0], self.ways[0].steps[-1]
        found = [
            Box(first.node, _COLUMNS[0][0], self.middle, _COLUMNS[0][1], False),
            Box(last.node, _COLUMNS[3][0], self.middle, _COLUMNS[3][1], False),
        ]
        for row, way in enumerate(self.ways):
            for column, step in enumerate(way.steps[1:-1], start=1):
                is_broken = step.link is not None and not step.link.is_there
                found.append(Box(step.node, _COLUMNS[column][0], self._row_y(row), _COLUMNS[column][1], is_broken))
        return found

    @property
    def lines(self) -> list[Line]:
        return [line for row, way in enumerate(self.ways) for line in self._draw_lines(row, way.steps)]

    def _row_y(self, row: int) -> int:
        return _TOP + row * _ROW_HEIGHT

    def _draw_lines(self, row: int, steps: Sequence[Step]) -> list[Line]:
        y, middle, found = self._row_y(row) + _BOX_HEIGHT // 2, self.middle + _BOX_HEIGHT // 2, []
        below = y > middle
        for number, step in enumerate(steps[1:], start=1):
            is_last = number == len(steps) - 1
            start, end = sum(_COLUMNS[number - 1]), _COLUMNS[3 if is_last else number][0]
            from_y, to_y = (middle if number == 1 else y), (middle if is_last else y)
            center, mark_y = (start + end) // 2, (from_y + to_y) // 2
            path = f"M{start} {from_y}C{center} {from_y} {center} {to_y} {end - 2} {to_y}"
            words_y = y + _BOX_HEIGHT // 2 + 15 if below else y - _BOX_HEIGHT // 2 - 9
            if step.link is not None:
                found.append(Line(step.link, path, center, mark_y, words_y))
        return found


class Check(NamedTuple):
    """What could stop every way, and whether it does."""

    is_fine: bool
    text: str


def draw_access(explanation: AccessExplanation, user: User, right: Right, employer: Employer | None) -> AccessDiagram:
    """Return the diagram: of a user who has the right the complete ways only. One query."""
    ways = [way for way in explanation.ways if not explanation.is_allowed or not way.missing]
    shown = ways[:MAX_WAYS]
    teams = annotate_counts(Team.objects.visible_to(user)).in_bulk({way.team.pk for way in shown if way.team})
    return AccessDiagram(
        [DrawnWay(way, _build_steps(way, user, right, employer, teams)) for way in shown], len(ways) - len(shown)
    )


def _build_steps(
    way: AccessWay, user: User, right: Right, employer: Employer | None, teams: Mapping[UUID, CountedTeam]
) -> list[Step]:
    nodes = [Node("team", _("Team"), way.team.name, _describe_team(teams.get(way.team.pk)))] if way.team else []
    if employer is not None or way.by is not right:
        detail = _("individual") if way.individual else ""
        granted = Node("key", _("Right"), str(way.by.label), detail)
        nodes = [granted, *nodes] if way.individual else [*nodes, granted]
    if employer is not None:
        end = Node("building", _("Employer"), employer.name, _("number %(number)s") % {"number": employer.number})
    else:
        end = Node("key", _("Right"), str(right.label), _("whole office"))
    links = list(way.links)
    if len(links) < len(nodes) + 1:  # manage_provider includes the right
        links.append(WayLink(True, _("includes this right")))
    start = Node("user", _("Colleague"), user.full_name)
    return [Step(None, start), *(Step(link, node) for link, node in zip(links, [*nodes, end], strict=True))]


def _describe_team(team: CountedTeam | None) -> str:
    if team is None:
        return ""
    members = ngettext("%(count)s member", "%(count)s members", team.member_count) % {"count": team.member_count}
    employers = ngettext("%(count)s employer", "%(count)s employers", team.employer_count)
    return f"{members}, {employers % {'count': team.employer_count}}"


def list_checks(explanation: AccessExplanation, user: User, right: Right, employer: Employer | None) -> list[Check]:
    """Return what could stop every way; the rare ones only if they do."""
    stops = set(explanation.inactive_reasons)
    factor = _("Two-factor is set up") if user.second_factor_at else _("Two-factor is not required")
    fine = {
        InactiveReason.INVITED: _("Invitation accepted"),
        InactiveReason.BLOCKED: _("Not blocked"),
        InactiveReason.TWO_FACTOR: factor,
    }
    checks = [
        Check(reason not in stops, str(reason.label) if reason in stops else fine[reason])
        for reason in InactiveReason
        if reason in fine or reason in stops
    ]
    if employer is not None and right.products:
        values = {"product": " / ".join(str(product.label) for product in right.products)}
        text = _("Product %(product)s is off") if explanation.missing_products else _("Product %(product)s is on")
        if not explanation.missing_products:
            on = [product.label for product in right.products if product in employer.products]
            values = {"product": " / ".join(str(label) for label in on)}
        checks.append(Check(not explanation.missing_products, text % values))
    return checks
