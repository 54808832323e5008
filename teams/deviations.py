"""Individual rights that deviate from teams, their clean-up, and the comparison of two users."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import models, transaction

import teams.actions
from accounts.models import Provider, User
from audit.actors import Actor, Proof, asks
from teams import rights, roads
from teams.catalogue import EMPLOYER_RIGHTS, OFFICE_RIGHTS, Right, known, ordered
from teams.changes import begin
from teams.explain import superfluous
from teams.models import Employer, IndividualRight, Team, TeamEmployer

Row = TypeVar("Row")


class NotTheSame(Exception):
    """The clean-up would have changed the rights of a user, so nothing was changed."""


def deviating(provider: Provider) -> list[tuple[UUID, Right]]:
    """Return the individual rights of the office that are not superfluous. Two queries."""
    extra = set(superfluous(provider.pk))
    rows = IndividualRight.objects.filter(provider=provider).order_by("user__sort_name", "user_id", "right")
    given = [(user_id, right) for user_id, code in rows.values_list("user_id", "right") for right in known([code])]
    return [pair for pair in given if pair not in extra]


def without_team(provider: Provider) -> "models.QuerySet[User]":
    """Return the users of the office without a team, sorted by name."""
    return User.objects.filter(provider=provider, memberships=None).order_by("sort_name", "pk")


def employers_without_team(provider: Provider) -> "models.QuerySet[Employer]":
    """Return the employers without a team, sorted by name."""
    return Employer.objects.filter(provider=provider, teams=None).order_by("sort_name", "pk")


@dataclass(frozen=True)
class Group:
    """Users with the same individual rights, which one team with `employers` could give them instead.

    They have the same employers if one of `rights` is an employer-level right, so no user would get or lose a right.
    """

    users: list[User]
    rights: frozenset[Right]
    employers: list[Employer]


def groups(provider: Provider) -> list[Group]:
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
        held = known(codes)
        alike[held, frozenset(reached[user_id] if held & EMPLOYER_RIGHTS else ())].append(user_id)
    users = {user.pk: user for user in User.objects.filter(provider=provider, pk__in=own).order_by("sort_name", "pk")}
    places = {key for _held, keys in alike for key in keys}
    employers = Employer.objects.filter(provider=provider, pk__in=places).order_by("sort_name", "pk")
    found = [
        Group([user for key, user in users.items() if key in members], held, [e for e in employers if e.pk in places])
        for (held, places), members in alike.items()
        if held and len(members) > 1
    ]
    return sorted(found, key=lambda group: -len(group.users))


def footprint(provider: Provider, users: Collection[UUID]) -> set[tuple[UUID, UUID | None, Right]]:
    """Return all rights of `users` as (user, employer or None at office level, right). Two queries."""
    found: set[tuple[UUID, UUID | None, Right]] = set()
    for sql, counting in (
        (roads.in_office(roads.SEVERAL), frozenset(Right) - EMPLOYER_RIGHTS),
        (roads.at_employers(roads.SEVERAL), EMPLOYER_RIGHTS),
    ):
        rows = roads.fetch(
            f"SELECT DISTINCT user_id, employer_id, code FROM ({sql}) road",  # noqa: S608
            users=list(users),
            provider=provider.pk,
        )
        for user_id, employer_id, code in rows:
            found |= {(user_id, employer_id, right) for right in known([code]) & counting}
            if code == Right.MANAGE_PROVIDER and employer_id is None:
                found |= {(user_id, None, right) for right in OFFICE_RIGHTS}
    return found


@asks(Proof.HALF_HOUR)
@transaction.atomic
def drop_superfluous(users: Iterable[User], *, by: Actor) -> int:
    """Revoke the superfluous individual rights of `users` of one office; return the number of revoked rights.

    Raises PermissionDenied as `set_individual_rights`, and NotTheSame if the rights of a user would change; nothing is
    changed then.
    """
    chosen = {user.pk: user for user in users}
    if not chosen:
        return 0
    provider = begin(next(iter(chosen.values())).provider_id, by, Right.GRANT_RIGHTS)
    before, taken = footprint(provider, chosen.keys()), 0
    extra: dict[UUID, set[Right]] = defaultdict(set)
    for user_id, right in superfluous(provider.pk):
        extra[user_id].add(right)
    for user_id, user in chosen.items():
        if user_id in extra:
            teams.actions.set_individual_rights(user, rights.individual_rights(user) - extra[user_id], by=by)
            taken += len(extra[user_id])
    if footprint(provider, chosen.keys()) != before:
        raise NotTheSame
    return taken


@asks(Proof.HALF_HOUR)
@transaction.atomic
def replace_by_team(provider: Provider, group: Group, *, name: str, by: Actor) -> Team:
    """Create a team that gives `group` its rights, and revoke the individual rights.

    Raises as the actions on teams and individual rights, and NotTheSame if the rights of a user would change, for
    example because they changed since the group was found; nothing is changed then.
    """
    provider = begin(provider.pk, by, Right.GRANT_RIGHTS)
    keys = [user.pk for user in group.users]
    before = footprint(provider, keys)
    team = teams.actions.create_team(provider, name=name, by=by)
    teams.actions.set_team_rights(team, group.rights, by=by)
    teams.actions.change_employers(team, add=group.employers, by=by)
    teams.actions.change_members(team, add=group.users, by=by)
    for user in group.users:
        teams.actions.set_individual_rights(user, rights.individual_rights(user) - group.rights, by=by)
    if footprint(provider, keys) != before:
        raise NotTheSame
    return team


class Sides(NamedTuple, Generic[Row]):
    """The items that only the first, both, and only the second have."""

    first: list[Row]
    both: list[Row]
    second: list[Row]


def _sides(first: Iterable[Row], second: Iterable[Row]) -> "Sides[Row]":
    left, right = list(first), list(second)
    in_left, in_right = set(left), set(right)
    return Sides(
        [row for row in left if row not in in_right],
        [row for row in left if row in in_right],
        [row for row in right if row not in in_left],
    )


@dataclass(frozen=True)
class Comparison:
    """The differences between two users of an office in teams, individual rights, all rights, and employers."""

    teams: Sides[Team]
    individual: Sides[Right]
    held: Sides[Right]
    employers: Sides[Employer]

    @property
    def is_equal(self) -> bool:
        """Whether copying the access of one user to the other would change nothing."""
        return not (self.teams.first or self.teams.second or self.individual.first or self.individual.second)


def compare(user: User, other: User) -> Comparison:
    """Compare two users of one office. Eight queries."""

    def theirs(one: User) -> "models.QuerySet[Team]":
        return Team.objects.visible_to(one).filter(members__user=one).order_by("sort_name")

    return Comparison(
        teams=_sides(theirs(user), theirs(other)),
        individual=_sides(ordered(rights.individual_rights(user)), ordered(rights.individual_rights(other))),
        held=_sides(ordered(rights.held_rights(user)), ordered(rights.held_rights(other))),
        employers=_sides(rights.reach(user), rights.reach(other)),
    )
