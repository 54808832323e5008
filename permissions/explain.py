"""Explain one right of one user: all grants, what blocks them, and the smallest change that gives or removes it."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from accounts.models import User
from permissions import checks
from permissions.access_ways import AccessWay, list_access_ways
from permissions.catalog import Right, RightLevel
from permissions.effective import InactiveReason, list_inactive_reasons
from permissions.models import Employer, ManagedBy, Team, TeamEmployer, TeamMember, TeamRight
from permissions.products import Product


class AccessChangeType(Enum):
    LEAVE = "leave"
    JOIN = "join"
    REVOKE_INDIVIDUAL = "take_individual"
    GRANT_INDIVIDUAL = "give_individual"
    GRANT_TO_TEAM = "give_team"
    ADD_EMPLOYER = "add_employer"
    REMOVE_EMPLOYER = "remove_employer"
    ENABLE_PRODUCT = "switch_on"
    RESOLVE_INACTIVE = "end_rest"


class AccessChange(NamedTuple):
    change_type: AccessChangeType
    team: Team | None = None
    right: Right | None = None
    product: Product | None = None
    inactive_reason: InactiveReason | None = None
    other_member_count: int = 0
    by_directory: bool = False  # a directory keeps the membership to end

    @property
    def text(self) -> str:
        if self.inactive_reason is not None:
            return {
                InactiveReason.CLOSED: _("Ask support to reactivate the office."),
                InactiveReason.INVITED: _("Ask the user to accept the invitation."),
                InactiveReason.BLOCKED: _("Unblock the user."),
                InactiveReason.ENDED: _("Remove the end date, or set a later one."),
                InactiveReason.TWO_FACTOR: _("Ask the user to set up two-factor."),
            }[self.inactive_reason]
        if self.by_directory:
            text = _("Remove the user in the directory from the group of team %(team)s.")
            return text % {"team": self.team}
        values = {
            "team": self.team,
            "right": self.right and self.right.label,
            "product": self.product and f"{self.product.value} {self.product.label}",
        }
        return {
            AccessChangeType.LEAVE: _("Remove the user from team %(team)s."),
            AccessChangeType.JOIN: _("Add the user to team %(team)s."),
            AccessChangeType.REVOKE_INDIVIDUAL: _("Revoke the individual right “%(right)s”."),
            AccessChangeType.GRANT_INDIVIDUAL: _("Grant the individual right “%(right)s”."),
            AccessChangeType.GRANT_TO_TEAM: _("Grant team %(team)s the right “%(right)s”."),
            AccessChangeType.ADD_EMPLOYER: _("Add the employer to team %(team)s."),
            AccessChangeType.REMOVE_EMPLOYER: _("Remove the employer from team %(team)s."),
            AccessChangeType.ENABLE_PRODUCT: _("Turn on product %(product)s for the employer."),
            AccessChangeType.RESOLVE_INACTIVE: "",
        }[self.change_type] % values


@dataclass(frozen=True)
class GrantPath:
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
class AccessExplanation:
    """Whether the user may use the right now, by which paths, and what blocks all of them.

    `ways` has what could become a path as well, with the missing links.
    `revocation` is the smallest change that removes the right, empty if the user does not have it. `grant` is the
    smallest change that gives it: empty if the user has it, None if it is impossible because there is no team or
    because an SSO/Webservice user would manage the office. `team_grant` is the smallest one by which a team gives it,
    where `grant` or the present path is an individual right; `affected_count` are the colleagues it reaches.
    """

    is_allowed: bool
    paths: list[GrantPath]
    ways: list[AccessWay]
    inactive_reasons: list[InactiveReason]
    missing_products: tuple[Product, ...]
    revocation: list[AccessChange]
    grant: list[AccessChange] | None
    team_grant: list[AccessChange]

    @property
    def team(self) -> Team | None:
        """The team of `team_grant`."""
        return next((change.team for change in self.team_grant), None)

    @property
    def affected_count(self) -> int:
        """How many other users `team_grant` reaches: the members, unless the user only joins."""
        if all(change.change_type is AccessChangeType.JOIN for change in self.team_grant):
            return 0
        return next((change.other_member_count for change in self.team_grant), 0)


class TeamContext(NamedTuple):
    """A team as seen by one user; `managed_by` is who keeps their membership, "" if there is none."""

    team: Team
    managed_by: str
    gives: list[Right]
    has_employer: bool
    other_member_count: int

    @property
    def has_user(self) -> bool:
        return bool(self.managed_by)


def explain_access(user: User, right: Right, employer: Employer | None = None) -> AccessExplanation:
    """Six queries. Raises ValueError unless `employer` is given for an employer-level right only."""
    if (right.level is RightLevel.EMPLOYER) != (employer is not None):
        raise ValueError("a right of employer level needs an employer, one of provider level none")
    places = _load_team_contexts(user, right, employer)
    own = sorted(checks.individual_rights(user) & set(right.granted_by))
    inactive_reasons = list_inactive_reasons(user)
    missing_products = right.products if employer is not None and not right.works_with(employer.products) else ()
    paths = _list_grant_paths(places, own, employer)
    is_open = any(path.is_open for path in paths)
    is_allowed = is_open and not inactive_reasons and not missing_products
    grant: list[AccessChange] | None = [
        AccessChange(AccessChangeType.RESOLVE_INACTIVE, inactive_reason=reason) for reason in inactive_reasons
    ]
    if missing_products:
        grant = [*(grant or []), AccessChange(AccessChangeType.ENABLE_PRODUCT, product=missing_products[0])]
    if not is_open:
        built = _find_smallest_grant(user, right, places, own, employer)
        grant = None if built is None else [*(grant or []), *built]
    revocation = _find_smallest_revocation(places, own, employer) if is_allowed else []
    is_by_team = any(path.is_open and not path.individual for path in paths)
    team_grant = [] if is_by_team else _find_smallest_team_grant(user, right, places)
    if grant and grant[-len(team_grant) :] == team_grant:
        team_grant = []  # said already
    ways = list_access_ways(places, own, right, employer)
    return AccessExplanation(is_allowed, paths, ways, inactive_reasons, missing_products, revocation, grant, team_grant)


def _load_team_contexts(user: User, right: Right, employer: Employer | None) -> list[TeamContext]:
    there = (
        TeamEmployer.objects.filter(team=OuterRef("pk"), employer=employer) if employer else TeamEmployer.objects.none()
    )
    teams = Team.objects.visible_to(user).annotate(
        managed_by=Subquery(TeamMember.objects.filter(team=OuterRef("pk"), user=user).values("managed_by")),
        has_employer=Exists(there),
        other_member_count=Count("members", filter=~Q(members__user=user)),
    )
    gives: dict[object, list[Right]] = {}
    rows = TeamRight.objects.filter(provider=user.provider_id, right__in=right.granted_by)
    for team_id, code in rows.values_list("team_id", "right"):
        gives.setdefault(team_id, []).append(Right(code))
    return [
        TeamContext(
            team,
            team.managed_by or "",
            sorted(gives.get(team.pk, [])),
            employer is None or team.has_employer,
            team.other_member_count,
        )
        for team in teams.order_by("sort_name", "pk")
    ]


def _list_grant_paths(places: list[TeamContext], own: list[Right], employer: Employer | None) -> list[GrantPath]:
    mine = [place for place in places if place.has_user]
    paths = [GrantPath(by, False, place.team, place.has_employer) for place in mine for by in place.gives]
    if employer is None:
        return paths + [GrantPath(by, True, None, True) for by in own]
    bringing = [place.team for place in mine if place.has_employer]
    for by in own:
        paths += [GrantPath(by, True, team, True) for team in bringing] or [GrantPath(by, True, None, False)]
    return sorted(paths, key=lambda path: not path.is_open)


def _find_smallest_revocation(
    places: list[TeamContext], own: list[Right], employer: Employer | None
) -> list[AccessChange]:
    """Return the fewest steps after which no path is open, preferring steps that affect only the user."""
    bringing = [place for place in places if place.has_user and place.has_employer]
    giving = [place for place in bringing if place.gives]
    leave = [
        AccessChange(AccessChangeType.LEAVE, place.team, by_directory=by_directory)
        for place in giving
        for by_directory in (False, True)
        if place.managed_by in (ManagedBy.BOTH, ManagedBy.DIRECTORY if by_directory else ManagedBy.MANUAL)
    ]
    if employer is not None and own and len(bringing) == len(giving):
        return leave  # without a team with the employer the individual right has no effect either
    return leave + [AccessChange(AccessChangeType.REVOKE_INDIVIDUAL, right=by) for by in own]


def _find_smallest_grant(
    user: User, right: Right, places: list[TeamContext], own: list[Right], employer: Employer | None
) -> list[AccessChange] | None:
    """Return the fewest steps that open a path, preferring an unchanged existing team, then an individual right."""
    if right in checks.get_impossible_rights(user.login_method):
        return None
    grant = [] if own else [AccessChange(AccessChangeType.GRANT_INDIVIDUAL, right=right)]
    options: list[list[AccessChange]] = [] if employer else [grant]
    for place in _list_open_teams(user, places):
        options.append(_list_team_steps(place, right))
        if employer is not None:
            options.append(_list_team_steps(place, None) + grant)
    return min(options, key=_measure_steps, default=None)


def _find_smallest_team_grant(user: User, right: Right, places: list[TeamContext]) -> list[AccessChange]:
    """Return the fewest steps by which a team gives the right, reaching the fewest other users; empty for none."""
    if right in checks.get_impossible_rights(user.login_method):
        return []
    options = [_list_team_steps(place, right) for place in _list_open_teams(user, places)]
    return min(options, key=lambda steps: (*_measure_steps(steps), steps[0].other_member_count), default=[])


def _list_open_teams(user: User, places: list[TeamContext]) -> list[TeamContext]:
    """Return the teams that the user can be in: none that gives a right which the login method excludes."""
    impossible = checks.get_impossible_rights(user.login_method)
    granting = TeamRight.objects.filter(provider=user.provider_id, right__in=impossible)
    excluded = set(granting.values_list("team_id", flat=True))
    return [place for place in places if place.team.pk not in excluded]


def _list_team_steps(place: TeamContext, right: Right | None) -> list[AccessChange]:
    """Return the steps by which the team brings the user to the employer, with the right if there is one."""
    needed = {
        AccessChangeType.JOIN: not place.has_user,
        AccessChangeType.GRANT_TO_TEAM: right is not None and not place.gives,
        AccessChangeType.ADD_EMPLOYER: not place.has_employer,
    }
    return [
        AccessChange(
            change,
            place.team,
            right if change is AccessChangeType.GRANT_TO_TEAM else None,
            other_member_count=place.other_member_count,
        )
        for change, is_needed in needed.items()
        if is_needed
    ]


def _measure_steps(steps: list[AccessChange]) -> tuple[int, int]:
    return len(steps), sum(_CHANGE_IMPACT_ORDER[change.change_type] for change in steps)


_CHANGE_IMPACT_ORDER = {
    AccessChangeType.JOIN: 0,
    AccessChangeType.GRANT_INDIVIDUAL: 1,
    AccessChangeType.ADD_EMPLOYER: 2,
    AccessChangeType.GRANT_TO_TEAM: 3,
}
