"""Authorization sets AK: actions, and the rights that deviate from an applied set (domain.md section 3.4)."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

import teams.actions
from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.errors import EditConflict
from permissions import checks
from permissions.action_helpers import diff_rights, get_team_rights
from permissions.catalog import rights_from_codes, sort_rights
from permissions.checks import Right
from permissions.models import AuthorizationSet, SetApplication, Team
from permissions.sets import SetType
from permissions.team_reach import UserReach


class RightsDifference(NamedTuple):
    """What a set adds to the rights of a target (`missing`), and what making them equal removes (`extra`).

    `given` are rights of the set that a team of the user gives already; they do not become individual rights.
    """

    missing: list[Right]
    extra: list[Right]
    given: list[Right]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)


def compare_with_set(
    authorization_set: AuthorizationSet, held: frozenset[Right], covered: frozenset[Right] = frozenset()
) -> RightsDifference:
    """Compare a set with the rights `held`; `covered` are those that the teams of a user give, see `TeamReach`."""
    rights = authorization_set.rights
    given = (covered & rights) - held
    return RightsDifference(sort_rights(rights - held - given), sort_rights(held - rights), sort_rights(given))


def compare_target_with_set(authorization_set: AuthorizationSet, target: Team | User) -> RightsDifference:
    if isinstance(target, Team):
        return compare_with_set(authorization_set, get_team_rights(target))
    reach = UserReach(target.provider_id, [target.pk])
    own = reach.get_individual(target.pk)
    return compare_with_set(authorization_set, own, find_rights_besides(authorization_set, reach, target.pk))


def find_rights_besides(authorization_set: AuthorizationSet, reach: UserReach, user_id: UUID) -> frozenset[Right]:
    """Return the rights that the user has or gets without those of the set: manage_provider in it includes others."""
    individual = reach.get_individual(user_id) | authorization_set.rights
    return reach.reach.find_covered_rights(reach.get_teams(user_id), individual)


def get_target_rights(target: Team | User) -> frozenset[Right]:
    """Return the rights that a set is compared with: those of a team, or the individual rights of a user."""
    return get_team_rights(target) if isinstance(target, Team) else checks.individual_rights(target)


class SetDeviation(NamedTuple):
    application: SetApplication
    difference: RightsDifference


def list_set_deviations(provider: Provider) -> dict[UUID, list[SetDeviation]]:
    rows = SetApplication.objects.filter(provider=provider).select_related("authorization_set", "team", "user")
    found: dict[UUID, list[SetDeviation]] = {}
    rows = rows.prefetch_related("team__rights").order_by("team__sort_name", "user__sort_name", "pk")
    reach = UserReach(provider.pk, {row.user_id for row in rows if row.user_id})
    for row in rows:
        if row.user_id is not None:
            covered = find_rights_besides(row.authorization_set, reach, row.user_id)
            difference = compare_with_set(row.authorization_set, reach.get_individual(row.user_id), covered)
        else:
            held = rights_from_codes(grant.right for grant in row.team.rights.all()) if row.team else frozenset()
            difference = compare_with_set(row.authorization_set, held)
        found.setdefault(row.authorization_set_id, []).append(SetDeviation(row, difference))
    return found


def _replace_rights(authorization_set: AuthorizationSet, contents: Iterable[Right], by: Actor) -> Changes:
    rights = frozenset(contents)
    checks.require_can_grant(by, rights ^ authorization_set.rights)
    changes = diff_rights(authorization_set.rights, rights)
    authorization_set.codes = sorted(rights)
    authorization_set.save(update_fields=["codes"])
    return changes


_SETS = SetType(AuthorizationSet, Verb.SET_CREATED, Verb.SET_CHANGED, Verb.SET_DELETED, _replace_rights)


@action()
def create_set(provider: Provider, *, name: str, contents: Iterable[Right], by: Actor) -> AuthorizationSet:
    """Create a set, see `SetType`. Raises PermissionDenied for rights that the actor does not hold."""
    return _SETS.create(provider, name, contents, by)


@action()
def update_set(
    authorization_set: AuthorizationSet, *, name: str, contents: Iterable[Right], version: int, by: Actor
) -> None:
    """Update a set, see `SetType`. Raises PermissionDenied for other rights that the actor does not hold."""
    _SETS.update(authorization_set, name, contents, version, by)


@action()
def delete_set(authorization_set: AuthorizationSet, *, version: int, by: Actor) -> None:
    _SETS.delete(authorization_set, version, by, diff_rights(authorization_set.rights, []))


class SetPreview(NamedTuple):
    """The version of a set and the rights of the target when the user confirmed the application."""

    version: int
    before: frozenset[str]


@action()
def apply_set(
    authorization_set: AuthorizationSet, target: Team | User, *, by: Actor, shown: SetPreview | None = None
) -> None:
    """Add the rights of the set to a team, or to a user as individual rights unless a team of the user gives them.

    Raises EditConflict if the set is deleted or differs from what was `shown`, otherwise as `set_team_rights` and
    `set_individual_rights`.
    """
    _copy_set_rights(authorization_set, target, shown, keep=True, by=by)


@action()
def replace_with_set(
    authorization_set: AuthorizationSet, target: Team | User, *, by: Actor, shown: SetPreview | None = None
) -> None:
    """Replace the rights of a team, or the individual rights of a user, by those of the set. Raises as `apply_set`."""
    _copy_set_rights(authorization_set, target, shown, keep=False, by=by)


def _copy_set_rights(
    authorization_set: AuthorizationSet, target: Team | User, shown: SetPreview | None, *, keep: bool, by: Actor
) -> None:
    needed = Right.MANAGE_TEAMS if isinstance(target, Team) else Right.GRANT_RIGHTS
    stored, held = _SETS.lock_for(target, authorization_set, needed, by), get_target_rights(target)
    if shown not in (None, SetPreview(stored.version, held)):
        raise EditConflict
    difference = compare_target_with_set(stored, target)
    rights = frozenset(difference.missing) | (held if keep else held & stored.rights)
    if isinstance(target, Team):
        checks.require_not_member(by, target)
        teams.actions.set_team_rights(target, rights, by=by)
    else:
        checks.require_not_self(by, [target.pk])
        teams.actions.set_individual_rights(target, rights, by=by)
    SetApplication.objects.update_or_create(
        provider_id=stored.provider_id,
        authorization_set=stored,
        team=target if isinstance(target, Team) else None,
        user=target if isinstance(target, User) else None,
        defaults={"applied_at": timezone.now()},
    )
    parts = {
        "rights": [None if keep else difference.extra, difference.missing],
        "given_by_team": [None, difference.given],
    }
    changes: Changes = {name: part for name, part in parts.items() if any(part)}
    changes[stored.name] = [None, "applied" if keep else "made equal"]
    record(Verb.SET_APPLIED, target, by=by, provider_id=target.provider_id, changes=changes)


@action()
def create_team_from_set(
    provider: Provider, *, name: str, authorization_set: AuthorizationSet | None, by: Actor
) -> Team:
    team = teams.actions.create_team(provider, name=name, by=by)
    if authorization_set is not None:
        apply_set(authorization_set, team, by=by)
    return team
