"""What teams give their members and where: which individual rights the teams of a user make superfluous."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar
from uuid import UUID

from accounts.models import User
from permissions.catalog import OFFICE_ADMIN_RIGHTS, OFFICE_LEVEL_RIGHTS, Right, rights_from_codes
from permissions.models import IndividualRight, TeamEmployer, TeamMember, TeamRight

T = TypeVar("T")


class TeamReach:
    """The rights and employers of teams, by team. Users in the same teams share one computation."""

    def __init__(self, rights: Mapping[UUID, frozenset[Right]], employers: Mapping[UUID, Collection[UUID]]) -> None:
        self.rights, self.employers = rights, employers
        self._covered: dict[frozenset[UUID], frozenset[Right]] = {}

    def list_employers(self, teams: Iterable[UUID]) -> set[UUID]:
        return set[UUID]().union(*(self.employers.get(team, ()) for team in teams))

    def find_covered_rights(self, teams: frozenset[UUID], individual: frozenset[Right]) -> frozenset[Right]:
        """Return the rights that `teams` give their member wherever the same individual right would count.

        Those that manage_provider includes count as given by whatever gives it.
        """
        if teams not in self._covered:
            self._covered[teams] = self._compute_covered(teams)
        found = self._covered[teams]
        if Right.MANAGE_PROVIDER in found | individual:
            found |= OFFICE_ADMIN_RIGHTS - {Right.MANAGE_PROVIDER}
        return found

    def _compute_covered(self, teams: frozenset[UUID]) -> frozenset[Right]:
        reached = self.list_employers(teams)

        def is_covered(right: Right) -> bool:
            giving = [team for team in teams if right in self.rights[team]]
            return right in OFFICE_LEVEL_RIGHTS or (bool(reached) and self.list_employers(giving) == reached)

        return frozenset(filter(is_covered, frozenset[Right]().union(*(self.rights[team] for team in teams))))


def load_team_reach(provider_id: UUID | None, teams: Collection[UUID]) -> TeamReach:
    """Two queries."""
    rights = _group(TeamRight.objects.filter(provider=provider_id, team__in=teams).values_list("team_id", "right"))
    places = TeamEmployer.objects.filter(provider=provider_id, team__in=teams).values_list("team_id", "employer_id")
    return TeamReach({team: rights_from_codes(rights[team]) for team in teams}, _group(places))


class UserReach:
    """The teams and individual rights of `users`. Four queries, however many users and teams."""

    def __init__(self, provider_id: UUID | None, users: Collection[UUID]) -> None:
        members = TeamMember.objects.filter(provider=provider_id, user__in=users).values_list("user_id", "team_id")
        rights = IndividualRight.objects.filter(provider=provider_id, user__in=users).values_list("user_id", "right")
        self.teams = {user_id: frozenset(teams) for user_id, teams in _group(members).items()}
        self.individual = {user_id: rights_from_codes(codes) for user_id, codes in _group(rights).items()}
        ids = set[UUID]().union(*self.teams.values())
        self.reach = load_team_reach(provider_id, ids)

    def get_teams(self, user_id: UUID) -> frozenset[UUID]:
        return self.teams.get(user_id, frozenset())

    def get_individual(self, user_id: UUID) -> frozenset[Right]:
        return self.individual.get(user_id, frozenset())

    def find_covered_rights(self, user_id: UUID) -> frozenset[Right]:
        return self.reach.find_covered_rights(self.get_teams(user_id), self.get_individual(user_id))


def _group(pairs: Iterable[tuple[UUID, T]]) -> dict[UUID, set[T]]:
    found: dict[UUID, set[T]] = defaultdict(set)
    known: dict[T, T] = {}  # one object per value: sets of the same UUIDs are compared much faster
    for key, value in pairs:
        found[key].add(known.setdefault(value, value))
    return found


def find_covered_rights(user: User) -> frozenset[Right]:
    """Return the rights that an individual right would not add to, see `TeamReach`. Four queries."""
    return UserReach(user.provider_id, [user.pk]).find_covered_rights(user.pk)
