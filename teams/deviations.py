"""Individual rights that deviate from teams, their clean-up, and the comparison of two users."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import models

import teams.actions
from accounts.models import Provider, User
from audit.actors import Actor, action
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.catalog import (
    EMPLOYER_LEVEL_RIGHTS,
    OFFICE_ADMIN_RIGHTS,
    OFFICE_LEVEL_RIGHTS,
    Right,
    rights_from_codes,
    sort_rights,
)
from permissions.duty_guard import settle_duties_at_end
from permissions.models import Employer, Grant, IndividualRight, ManagedBy, Team, TeamEmployer
from permissions.right_sources import find_superfluous_rights

ItemT = TypeVar("ItemT")


class RightsWouldChange(Exception):
    """The clean-up would have changed the rights of a user, so nothing was changed."""


def list_deviating_rights(provider: Provider) -> list[tuple[UUID, Right]]:
    """Return the individual rights of the office that are not superfluous. Two queries."""
    extra = set(find_superfluous_rights(provider.pk))
    rows = IndividualRight.objects.filter(provider=provider).order_by("user__sort_name", "user_id", "right")
    pairs = [
        (user_id, right)
        for user_id, code in rows.values_list("user_id", "right")
        for right in rights_from_codes([code])
    ]
    return [pair for pair in pairs if pair not in extra]


def filter_users_without_team(provider: Provider) -> "models.QuerySet[User]":
    return User.objects.filter(provider=provider, memberships=None).order_by("sort_name", "pk")


@dataclass(frozen=True)
class SharedRightsGroup:
    """Users with the same individual rights, which one team with `employers` could give them instead.

    They have the same employers if one of `rights` is an employer-level right, so no user would get or lose a right.
    """

    users: list[User]
    rights: frozenset[Right]
    employers: list[Employer]


def find_shared_rights_groups(provider: Provider) -> list[SharedRightsGroup]:
    """Return the groups of at least two users that a new team could replace, largest first. Four queries."""
    own: dict[UUID, set[str]] = defaultdict(set)
    for user_id, code in IndividualRight.objects.filter(provider=provider).values_list("user_id", "right"):
        own[user_id].add(code)
    reached: dict[UUID, set[UUID]] = defaultdict(set)
    rows = TeamEmployer.objects.filter(provider=provider, team__members__user__in=own)
    for user_id, employer_id in rows.values_list("team__members__user_id", "employer_id"):
        reached[user_id].add(employer_id)
    alike: dict[tuple[frozenset[Right], frozenset[UUID]], list[UUID]] = defaultdict(list)
    for user_id, codes in own.items():
        held = rights_from_codes(codes)
        alike[held, frozenset(reached[user_id] if held & EMPLOYER_LEVEL_RIGHTS else ())].append(user_id)
    users = {user.pk: user for user in User.objects.filter(provider=provider, pk__in=own).order_by("sort_name", "pk")}
    places = {key for _held, keys in alike for key in keys}
    employers = Employer.objects.filter(provider=provider, pk__in=places).order_by("sort_name", "pk")
    found = [
        SharedRightsGroup(
            [user for key, user in users.items() if key in members], held, [e for e in employers if e.pk in places]
        )
        for (held, places), members in alike.items()
        if held and len(members) > 1
    ]
    return sorted(found, key=lambda group: -len(group.users))


def collect_held_rights(provider: Provider, users: Collection[UUID]) -> set[tuple[UUID, UUID | None, Right]]:
    """Return all rights of `users` as (user, employer or None at office level, right). One query."""
    found: set[tuple[UUID, UUID | None, Right]] = set()
    grants = Grant.objects.filter(provider_id=provider.pk, user_id__in=users)
    for user_id, employer_id, code in grants.values_list("user_id", "employer_id", "right").distinct():
        level = OFFICE_LEVEL_RIGHTS if employer_id is None else EMPLOYER_LEVEL_RIGHTS
        found |= {(user_id, employer_id, right) for right in rights_from_codes([code]) & level}
        if code == Right.MANAGE_PROVIDER and employer_id is None:
            found |= {(user_id, None, right) for right in OFFICE_ADMIN_RIGHTS}
    return found


@action()
def revoke_superfluous_rights(users: Iterable[User], *, by: Actor) -> int:
    """Return the number of revoked rights. Raises as `set_individual_rights`, RightsWouldChange."""
    chosen = {user.pk: user for user in users}
    if not chosen:
        return 0
    provider = lock_and_authorize(next(iter(chosen.values())).provider_id, by, Right.GRANT_RIGHTS)
    before, taken = collect_held_rights(provider, chosen.keys()), 0
    extra: dict[UUID, set[Right]] = defaultdict(set)
    for user_id, right in find_superfluous_rights(provider.pk):
        extra[user_id].add(right)
    for user_id, user in chosen.items():
        if user_id in extra:
            teams.actions.set_individual_rights(user, checks.individual_rights(user) - extra[user_id], by=by)
            taken += len(extra[user_id])
    if collect_held_rights(provider, chosen.keys()) != before:
        raise RightsWouldChange
    return taken


@action()
@settle_duties_at_end()
def replace_rights_by_team(provider: Provider, group: SharedRightsGroup, *, name: str, by: Actor) -> Team:
    """Revoke the individual rights that the new team gives. Raises as the actions on both, RightsWouldChange."""
    provider = lock_and_authorize(provider.pk, by, Right.GRANT_RIGHTS)
    keys = [user.pk for user in group.users]
    before = collect_held_rights(provider, keys)
    team = teams.actions.create_team(provider, name=name, by=by)
    teams.actions.set_team_rights(team, group.rights, by=by)
    teams.actions.change_employers(team, add=group.employers, by=by)
    teams.actions.change_members(team, add=group.users, by=by)
    for user in group.users:
        teams.actions.set_individual_rights(user, checks.individual_rights(user) - group.rights, by=by)
    if collect_held_rights(provider, keys) != before:
        raise RightsWouldChange
    return team


class SideBySide(NamedTuple, Generic[ItemT]):
    first: list[ItemT]
    both: list[ItemT]
    second: list[ItemT]


def _split_by_side(first: Iterable[ItemT], second: Iterable[ItemT]) -> "SideBySide[ItemT]":
    left, right = list(first), list(second)
    in_left, in_right = set(left), set(right)
    return SideBySide(
        [row for row in left if row not in in_right],
        [row for row in left if row in in_right],
        [row for row in right if row not in in_left],
    )


@dataclass(frozen=True)
class UserComparison:
    """The differences between two users of an office in teams, individual rights, all rights, and employers."""

    teams: SideBySide[Team]
    individual: SideBySide[Right]
    held: SideBySide[Right]
    employers: SideBySide[Employer]
    kept_teams: list[Team]  # of the first user only, who stays in them through a directory

    @property
    def is_equal(self) -> bool:
        """Whether copying the access of one user to the other would change nothing."""
        return not (self.left_teams or self.teams.second or self.individual.first or self.individual.second)

    @property
    def left_teams(self) -> list[Team]:
        return [team for team in self.teams.first if team not in self.kept_teams]


def compare_users(user: User, other: User) -> UserComparison:
    def theirs(user: User) -> "models.QuerySet[Team]":
        return Team.objects.visible_to(user).filter(members__user=user).order_by("sort_name")

    sides = _split_by_side(theirs(user), theirs(other))
    kept = user.memberships.exclude(managed_by=ManagedBy.MANUAL).values_list("team_id", flat=True)
    kept_ids = set(kept) if sides.first else set()
    return UserComparison(
        teams=sides,
        kept_teams=[team for team in sides.first if team.pk in kept_ids],
        individual=_split_by_side(
            sort_rights(checks.individual_rights(user)), sort_rights(checks.individual_rights(other))
        ),
        held=_split_by_side(sort_rights(checks.held_rights(user)), sort_rights(checks.held_rights(other))),
        employers=_split_by_side(checks.list_reachable_employers(user), checks.list_reachable_employers(other)),
    )
