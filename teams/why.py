"""Explain one right of one user: all grants, what blocks them, and the smallest change that gives or removes it."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from accounts.models import LoginMethod, User
from teams import rights
from teams.catalogue import Level, Right
from teams.evaluator import Resting, every_resting
from teams.models import Employer, Team, TeamEmployer, TeamMember, TeamRight
from teams.products import Product


class Step(Enum):
    """The type of a change."""

    LEAVE = "leave"
    JOIN = "join"
    TAKE_INDIVIDUAL = "take_individual"
    GIVE_INDIVIDUAL = "give_individual"
    GIVE_TEAM = "give_team"
    ADD_EMPLOYER = "add_employer"
    REMOVE_EMPLOYER = "remove_employer"
    SWITCH_ON = "switch_on"
    END_REST = "end_rest"


class Change(NamedTuple):
    """One step of a smallest change, with the objects that it concerns."""

    step: Step
    team: Team | None = None
    right: Right | None = None
    product: Product | None = None
    rests: Resting | None = None

    @property
    def text(self) -> str:
        if self.rests is not None:
            return {
                Resting.CLOSED: _("Ask support to reactivate the office."),
                Resting.INVITED: _("Ask the user to accept the invitation."),
                Resting.BLOCKED: _("Unblock the user."),
                Resting.ENDED: _("Remove the end date, or set a later one."),
                Resting.TWO_FACTOR: _("Ask the user to set up two-factor."),
            }[self.rests]
        values = {
            "team": self.team,
            "right": self.right and self.right.label,
            "product": self.product and f"{self.product.value} {self.product.label}",
        }
        return {
            Step.LEAVE: _("Remove the user from team %(team)s."),
            Step.JOIN: _("Add the user to team %(team)s."),
            Step.TAKE_INDIVIDUAL: _("Revoke the individual right “%(right)s”."),
            Step.GIVE_INDIVIDUAL: _("Grant the individual right “%(right)s”."),
            Step.GIVE_TEAM: _("Grant team %(team)s the right “%(right)s”."),
            Step.ADD_EMPLOYER: _("Add the employer to team %(team)s."),
            Step.REMOVE_EMPLOYER: _("Remove the employer from team %(team)s."),
            Step.SWITCH_ON: _("Turn on product %(product)s for the employer."),
            Step.END_REST: "",
        }[self.step] % values


@dataclass(frozen=True)
class Way:
    """One path to the right: a team that gives it, or an individual right with the team that has the employer.

    `by` is the granted right, as manage_provider includes others. `team` is None for an individual right at office
    level, or if no team of the user has the employer. `is_open`: no part of the path is missing.
    """

    by: Right
    individual: bool
    team: Team | None
    is_open: bool

    @property
    def text(self) -> str:
        values = {"team": self.team, "right": self.by.label}
        if not self.individual and self.is_open:
            return _("Team %(team)s grants “%(right)s”.") % values
        if not self.individual:
            return _("Team %(team)s grants “%(right)s”, but does not include this employer.") % values
        if not self.is_open:
            return _("Individual right “%(right)s”, but no team gives the user access to this employer.") % values
        if self.team is not None:
            return _("Individual right “%(right)s”; team %(team)s gives the user access to this employer.") % values
        return _("Individual right “%(right)s”.") % values


@dataclass(frozen=True)
class Why:
    """Whether the user may use the right now, by which paths, and what blocks all of them.

    `take` is the smallest change that removes the right, empty if the user does not have it. `give` is the smallest
    change that gives it: empty if the user has it, None if it is impossible because there is no team or because a
    machine would manage the office.
    """

    may: bool
    ways: list[Way]
    rests: list[Resting]
    off: tuple[Product, ...]
    take: list[Change]
    give: list[Change] | None


class _Place(NamedTuple):
    """A team with its relation to the user, the right and the employer."""

    team: Team
    has_user: bool
    gives: list[Right]
    has_employer: bool


def why(user: User, right: Right, employer: Employer | None = None) -> Why:
    """Explain why `user` may or may not use `right`. Six queries.

    Raises ValueError unless an employer-level right has `employer` and an office-level right has none.
    """
    if (right.level is Level.EMPLOYER) != (employer is not None):
        raise ValueError("a right of employer level needs an employer, one of provider level none")
    places = _places(user, right, employer)
    own = sorted(rights.individual_rights(user) & set(right.given_by))
    rests = every_resting(user)
    off = right.products if employer is not None and not right.works_with(employer.products) else ()
    ways = _ways(places, own, employer)
    is_open = any(way.is_open for way in ways)
    may = is_open and not rests and not off
    give: list[Change] | None = [Change(Step.END_REST, rests=reason) for reason in rests]
    if off:
        give = [*(give or []), Change(Step.SWITCH_ON, product=off[0])]
    if not is_open:
        built = _build(user, right, places, own, employer)
        give = None if built is None else [*(give or []), *built]
    return Why(may, ways, rests, off, _cut(places, own, employer) if may else [], give)


def _places(user: User, right: Right, employer: Employer | None) -> list[_Place]:
    """Return all teams of the office, sorted by name."""
    there = (
        TeamEmployer.objects.filter(team=OuterRef("pk"), employer=employer) if employer else TeamEmployer.objects.none()
    )
    teams = Team.objects.visible_to(user).annotate(
        has_user=Exists(TeamMember.objects.filter(team=OuterRef("pk"), user=user)), has_employer=Exists(there)
    )
    gives: dict[object, list[Right]] = {}
    rows = TeamRight.objects.filter(provider=user.provider_id, right__in=right.given_by)
    for team_id, code in rows.values_list("team_id", "right"):
        gives.setdefault(team_id, []).append(Right(code))
    return [
        _Place(team, team.has_user, sorted(gives.get(team.pk, [])), employer is None or team.has_employer)
        for team in teams.order_by("sort_name", "pk")
    ]


def _ways(places: list[_Place], own: list[Right], employer: Employer | None) -> list[Way]:
    mine = [place for place in places if place.has_user]
    ways = [Way(by, False, place.team, place.has_employer) for place in mine for by in place.gives]
    if employer is None:
        return ways + [Way(by, True, None, True) for by in own]
    bringing = [place.team for place in mine if place.has_employer]
    for by in own:
        ways += [Way(by, True, team, True) for team in bringing] or [Way(by, True, None, False)]
    return sorted(ways, key=lambda way: not way.is_open)


def _cut(places: list[_Place], own: list[Right], employer: Employer | None) -> list[Change]:
    """Return the fewest steps after which no path is open, preferring steps that affect only the user."""
    bringing = [place for place in places if place.has_user and place.has_employer]
    giving = [place for place in bringing if place.gives]
    leave = [Change(Step.LEAVE, place.team) for place in giving]
    if employer is not None and own and len(bringing) == len(giving):
        return leave  # without a team with the employer the individual right has no effect either
    return leave + [Change(Step.TAKE_INDIVIDUAL, right=by) for by in own]


def _build(
    user: User, right: Right, places: list[_Place], own: list[Right], employer: Employer | None
) -> list[Change] | None:
    """Return the fewest steps that open a path, preferring an existing team as it is, then an individual right."""
    machine = user.login_method == LoginMethod.SSO_WEBSERVICE
    if machine and right is Right.MANAGE_PROVIDER:
        return None
    give = [] if own else [Change(Step.GIVE_INDIVIDUAL, right=right)]
    roads: list[list[Change]] = [] if employer else [give]
    managing = _managing(user) if machine else set()
    for place in places:
        if place.team.pk in managing:
            continue
        join = [] if place.has_user else [Change(Step.JOIN, place.team)]
        add = [] if place.has_employer else [Change(Step.ADD_EMPLOYER, place.team)]
        roads.append([*join, *([] if place.gives else [Change(Step.GIVE_TEAM, place.team, right)]), *add])
        if employer is not None:
            roads.append([*join, *give, *add])
    return min(roads, key=lambda steps: (len(steps), sum(_TOUCHES[change.step] for change in steps)), default=None)


_TOUCHES = {Step.JOIN: 0, Step.GIVE_INDIVIDUAL: 1, Step.ADD_EMPLOYER: 2, Step.GIVE_TEAM: 3}


def _managing(user: User) -> set[object]:
    """Return the ids of teams that give manage_provider, which a machine cannot join."""
    rows = TeamRight.objects.filter(provider=user.provider_id, right=Right.MANAGE_PROVIDER)
    return set(rows.values_list("team_id", flat=True))
