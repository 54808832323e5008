"""The ways along which a right could reach a user, link by link: what is there, and which link is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext as _

from permissions.catalog import Right
from permissions.models import Employer, ManagedBy, Team

if TYPE_CHECKING:
    from permissions.explain import TeamContext


class WayLink(NamedTuple):
    """One step of a way; `text` says what is there, or what is missing."""

    is_there: bool
    text: str


@dataclass(frozen=True)
class AccessWay:
    """One way from a user to a right: by a team, or by an individual right (`individual`).

    `team` gives the right, or brings the individual right to the employer; None at office level, or if no team does.
    `by` is the right that is granted, as manage_provider includes others.
    """

    by: Right
    individual: bool
    team: Team | None
    links: Sequence[WayLink]

    @property
    def missing(self) -> int:
        return sum(not link.is_there for link in self.links)


def list_access_ways(
    places: Sequence[TeamContext], own: Sequence[Right], right: Right, employer: Employer | None
) -> list[AccessWay]:
    """Return all ways, those with the fewest missing links first.

    Those are the teams of the user, the other teams that give the right there, and the individual rights.
    """
    ways = []
    for place in places:
        if place.has_user or (place.gives and place.has_employer):
            ways.append(_build_team_way(place, right, employer))
    bringing = [place.team for place in places if place.has_user and place.has_employer]
    for by in own:
        teams: Sequence[Team | None] = [None] if employer is None else bringing or [None]
        ways += [_build_individual_way(by, team, employer) for team in teams]
    return sorted(ways, key=lambda way: (way.missing, not way.links[0].is_there))


def _build_team_way(place: TeamContext, right: Right, employer: Employer | None) -> AccessWay:
    gives = bool(place.gives)
    links = [
        WayLink(place.has_user, _describe_membership(place.managed_by)),
        WayLink(gives, _("gives the right") if gives else _("does not give this right")),
    ]
    if employer is not None:
        text = _("has this employer") if place.has_employer else _("does not have this employer")
        links.append(WayLink(place.has_employer, text))
    return AccessWay(place.gives[0] if gives else right, False, place.team, links)


def _describe_membership(managed_by: str) -> str:
    return {
        ManagedBy.MANUAL.value: _("is a member"),
        ManagedBy.DIRECTORY.value: _("is a member through the directory"),
        ManagedBy.BOTH.value: _("is a member, by hand and through the directory"),
    }.get(managed_by, _("is not a member"))


def _build_individual_way(by: Right, team: Team | None, employer: Employer | None) -> AccessWay:
    links = [WayLink(True, _("individual right"))]
    if employer is not None and team is not None:
        links += [WayLink(True, _("is a member")), WayLink(True, _("has this employer"))]
    elif employer is not None:
        links.append(WayLink(False, _("no team with this employer")))
    return AccessWay(by, True, team, links)
