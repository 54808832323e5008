"""Authorization sets AK: actions, and the rights that deviate from an applied set (domain.md section 3.4)."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

import teams.actions
from accounts.actions import Stale
from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from teams import rights
from teams.catalogue import known
from teams.changes import begin, given_and_taken, same_name, team_rights
from teams.models import AuthorizationSet, SetApplication, Team
from teams.rights import Right


class Difference(NamedTuple):
    """The differences of the rights of a team, or the individual rights of a user, from a set."""

    missing: frozenset[Right]
    extra: frozenset[Right]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)


def difference(authorization_set: AuthorizationSet, target: Team | User) -> Difference:
    """Return the rights that `apply` would add (missing), and those that `make_equal` would also remove (extra)."""
    now = held(target)
    return Difference(authorization_set.rights - now, now - authorization_set.rights)


def held(target: Team | User) -> frozenset[Right]:
    """Return the rights that a set is compared with: those of a team, or the individual rights of a user."""
    return team_rights(target) if isinstance(target, Team) else rights.individual_rights(target)


class Deviation(NamedTuple):
    """An application of a set to a team or user, with the current differences."""

    application: SetApplication
    difference: Difference


def uses(provider: Provider) -> dict[UUID, list[Deviation]]:
    """Return the applications of each set of the office, with the current differences. Five queries."""
    rows = SetApplication.objects.filter(provider=provider).select_related("authorization_set", "team", "user")
    found: dict[UUID, list[Deviation]] = {}
    for row in rows.prefetch_related("team__rights", "user__individual_rights").order_by(
        "team__sort_name", "user__sort_name", "pk"
    ):
        codes = row.team.rights.all() if row.team else row.user.individual_rights.all() if row.user else []
        held = known(code.right for code in codes)
        wanted = row.authorization_set.rights
        deviation = Deviation(row, Difference(wanted - held, held - wanted))
        found.setdefault(row.authorization_set_id, []).append(deviation)
    return found


@asks(Proof.HALF_HOUR)
@transaction.atomic
def create(provider: Provider, *, name: str, contents: Iterable[Right], by: Actor) -> AuthorizationSet:
    """Create a set; this grants no rights.

    Raises PermissionDenied without manage_sets or for rights that the actor does not hold, ValidationError (field
    name, code "taken").
    """
    provider = begin(provider.pk, by, Right.MANAGE_SETS)
    made = AuthorizationSet(provider=provider, name=name, codes=sorted(set(contents)))
    _require_free_name(made)
    rights.require_can_give(by, made.rights)
    made.save(force_insert=True)
    changes: dict[str, list[Any]] = {"name": [None, name]} | given_and_taken([], made.rights)
    record(Verb.SET_CREATED, made, by=by, provider_id=provider.pk, changes=changes)
    return made


@asks(Proof.HALF_HOUR)
@transaction.atomic
def change(
    authorization_set: AuthorizationSet, *, name: str, contents: Iterable[Right], version: int, by: Actor
) -> None:
    """Update a set; teams and users to which it was applied keep their rights. Raises as `create`, and Stale."""
    fresh = _locked(authorization_set, version, by)
    wanted = frozenset(contents)
    changes: dict[str, list[Any]] = {} if fresh.name == name else {"name": [fresh.name, name]}
    changes |= given_and_taken(fresh.rights, wanted)
    if not changes:
        return
    rights.require_can_give(by, wanted ^ fresh.rights)
    fresh.name, fresh.codes, fresh.version = name, sorted(wanted), version + 1
    _require_free_name(fresh)
    fresh.save()
    record(Verb.SET_CHANGED, fresh, by=by, provider_id=fresh.provider_id, changes=changes)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def delete(authorization_set: AuthorizationSet, *, version: int, by: Actor) -> None:
    """Delete a set; teams and users to which it was applied keep their rights. Raises Stale, PermissionDenied."""
    fresh = _locked(authorization_set, version, by)
    record(Verb.SET_DELETED, fresh, by=by, provider_id=fresh.provider_id, changes=given_and_taken(fresh.rights, []))
    fresh.delete()


def _locked(authorization_set: AuthorizationSet, version: int, by: Actor) -> AuthorizationSet:
    begin(authorization_set.provider_id, by, Right.MANAGE_SETS)
    fresh = AuthorizationSet.objects.filter(pk=authorization_set.pk).first()
    if fresh is None or fresh.version != version:
        raise Stale
    return fresh


def _require_free_name(made: AuthorizationSet) -> None:
    others = AuthorizationSet.objects.filter(same_name(made.name), provider=made.provider_id).exclude(pk=made.pk)
    if others.exists():
        message = _("A set with this name already exists. Choose another name.")
        raise ValidationError({"name": ValidationError(message, code="taken")})


class Shown(NamedTuple):
    """The version of a set and the rights of the target when the user confirmed the application."""

    version: int
    before: frozenset[str]


@asks(Proof.HALF_HOUR)
@transaction.atomic
def apply(authorization_set: AuthorizationSet, target: Team | User, *, by: Actor, shown: Shown | None = None) -> None:
    """Add the rights of the set to a team, or to a user as individual rights.

    Raises Stale if the set is deleted or differs from what was `shown`, otherwise as `set_team_rights` and
    `set_individual_rights`.
    """
    _copy(authorization_set, target, shown, keep=True, by=by)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def make_equal(
    authorization_set: AuthorizationSet, target: Team | User, *, by: Actor, shown: Shown | None = None
) -> None:
    """Replace the rights of a team, or the individual rights of a user, by those of the set. Raises as `apply`."""
    _copy(authorization_set, target, shown, keep=False, by=by)


def _copy(
    authorization_set: AuthorizationSet, target: Team | User, shown: Shown | None, *, keep: bool, by: Actor
) -> None:
    if authorization_set.provider_id != target.provider_id:
        raise PermissionDenied(_("This is not your office."))
    needed = Right.MANAGE_TEAMS if isinstance(target, Team) else Right.GRANT_RIGHTS
    begin(target.provider_id, by, needed)
    fresh = AuthorizationSet.objects.filter(pk=authorization_set.pk).first()
    if fresh is None or shown not in (None, Shown(fresh.version, held(target))):
        raise Stale
    now = held(target)
    wanted = fresh.rights | now if keep else fresh.rights
    if isinstance(target, Team):
        rights.require_outside(by, target)
        teams.actions.set_team_rights(target, wanted, by=by)
    else:
        rights.require_others(by, [target.pk])
        teams.actions.set_individual_rights(target, wanted, by=by)
    SetApplication.objects.update_or_create(
        provider_id=target.provider_id,
        authorization_set=fresh,
        team=target if isinstance(target, Team) else None,
        user=target if isinstance(target, User) else None,
        defaults={"applied_at": timezone.now()},
    )
    changes = {fresh.name: [None, "applied" if keep else "made equal"]}
    record(Verb.SET_APPLIED, target, by=by, provider_id=target.provider_id, changes=changes)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def start_team(provider: Provider, *, name: str, authorization_set: AuthorizationSet | None, by: Actor) -> Team:
    """Create a team, with the rights of a set if one is given. Raises as `create_team` and `apply`."""
    team = teams.actions.create_team(provider, name=name, by=by)
    if authorization_set is not None:
        apply(authorization_set, team, by=by)
    return team
