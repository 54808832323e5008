"""What teams give their members and where: which individual rights the teams of a user make superfluous."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cached_property
from uuid import UUID

from accounts.models import User
from permissions.catalog import OFFICE_ADMIN_RIGHTS, OFFICE_LEVEL_RIGHTS, Right, rights_from_codes
from permissions.models import IndividualRight, TeamEmployer, TeamMember, TeamRight


class TeamReach:
    """The rights and employers of all teams of `users`. Four queries, however many users and teams."""

    def __init__(self, provider_id: UUID | None, users: Collection[UUID]) -> None:
        members = TeamMember.objects.filter(provider=provider_id, user__in=users)
        self.provider_id, self.users = provider_id, users
        self.teams: dict[UUID, set[UUID]] = defaultdict(set)
        for user_id, team_id in members.values_list("user_id", "team_id"):
            self.teams[user_id].add(team_id)
        ids = set[UUID]().union(*self.teams.values())
        codes: dict[UUID, set[str]] = defaultdict(set)
        for team_id, code in TeamRight.objects.filter(provider=provider_id, team__in=ids).values_list(
            "team_id", "right"
        ):
            codes[team_id].add(code)
        self.rights = {team_id: rights_from_codes(codes[team_id]) for team_id in ids}
        self.employers: dict[UUID, set[UUID]] = defaultdict(set)
        places = TeamEmployer.objects.filter(provider=provider_id, team__in=ids)
        for team_id, employer_id in places.values_list("team_id", "employer_id"):
            self.employers[team_id].add(employer_id)
        self._covered: dict[frozenset[UUID], frozenset[Right]] = {}

    @cached_property
    def individual(self) -> dict[UUID, frozenset[Right]]:
        codes: dict[UUID, set[str]] = defaultdict(set)
        rows = IndividualRight.objects.filter(provider=self.provider_id, user__in=self.users)
        for user_id, code in rows.values_list("user_id", "right"):
            codes[user_id].add(code)
        return defaultdict(frozenset, {user_id: rights_from_codes(found) for user_id, found in codes.items()})

    def list_employers(self, teams: Iterable[UUID]) -> set[UUID]:
        return set[UUID]().union(*(self.employers[team] for team in teams))

    def find_covered_rights(self, user_id: UUID) -> frozenset[Right]:
        """Return the rights that the teams of the user give wherever the same individual right would count.

        Those that manage_provider includes count as given by whoever gives it.
        """
        teams = frozenset(self.teams[user_id])
        if teams not in self._covered:
            self._covered[teams] = self._compute_covered(teams)
        found = self._covered[teams]
        if Right.MANAGE_PROVIDER in found | self.individual[user_id]:
            found |= OFFICE_ADMIN_RIGHTS - {Right.MANAGE_PROVIDER}
        return found

    def _compute_covered(self, teams: frozenset[UUID]) -> frozenset[Right]:
        given = frozenset[Right]().union(*(self.rights[team] for team in teams))
        reached = self.list_employers(teams)

        def is_covered(right: Right) -> bool:
            giving = [team for team in teams if right in self.rights[team]]
            return right in OFFICE_LEVEL_RIGHTS or (bool(reached) and self.list_employers(giving) == reached)

        return frozenset(filter(is_covered, given))


def find_covered_rights(user: User) -> frozenset[Right]:
    return TeamReach(user.provider_id, [user.pk]).find_covered_rights(user.pk)
