"""Authorization sets AK: actions, and the rights that deviate from an applied set (domain.md section 3.4)."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, requires_reauthentication
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from permissions import checks
from permissions.action_helpers import diff_rights, get_team_rights, lock_and_authorize, match_name
from permissions.catalog import rights_from_codes
from permissions.checks import Right
from permissions.models import AuthorizationSet, SetApplication, Team


class RightsDifference(NamedTuple):
    """The differences of the rights of a team, or the individual rights of a user, from a set."""

    missing: frozenset[Right]
    extra: frozenset[Right]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)


def compare_with_set(authorization_set: AuthorizationSet, target: Team | User) -> RightsDifference:
    """Return the rights `apply_set` would add (missing), and those `replace_with_set` would also remove (extra)."""
    now = get_target_rights(target)
    return RightsDifference(authorization_set.rights - now, now - authorization_set.rights)


def get_target_rights(target: Team | User) -> frozenset[Right]:
    """Return the rights that a set is compared with: those of a team, or the individual rights of a user."""
    return get_team_rights(target) if isinstance(target, Team) else checks.individual_rights(target)


class SetDeviation(NamedTuple):
    """An application of a set to a team or user, with the current differences."""

    application: SetApplication
    difference: RightsDifference


def list_set_deviations(provider: Provider) -> dict[UUID, list[SetDeviation]]:
    """Return the applications of each set of the office, with the current differences. Five queries."""
    rows = SetApplication.objects.filter(provider=provider).select_related("authorization_set", "team", "user")
    found: dict[UUID, list[SetDeviation]] = {}
    for row in rows.prefetch_related("team__rights", "user__individual_rights").order_by(
        "team__sort_name", "user__sort_name", "pk"
    ):
        codes = row.team.rights.all() if row.team else row.user.individual_rights.all() if row.user else []
        held = rights_from_codes(code.right for code in codes)
        wanted = row.authorization_set.rights
        deviation = SetDeviation(row, RightsDifference(wanted - held, held - wanted))
        found.setdefault(row.authorization_set_id, []).append(deviation)
    return found


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def create_set(provider: Provider, *, name: str, contents: Iterable[Right], by: Actor) -> AuthorizationSet:
    """Create a set; this grants no rights.

    Raises PermissionDenied without manage_sets or for rights that the actor does not hold, ValidationError (field
    name, code "taken").
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_SETS)
    made = AuthorizationSet(provider=provider, name=name, codes=sorted(set(contents)))
    _require_free_name(made)
    checks.require_can_grant(by, made.rights)
    made.save(force_insert=True)
    changes: Changes = {"name": [None, name]} | diff_rights([], made.rights)
    record(Verb.SET_CREATED, made, by=by, provider_id=provider.pk, changes=changes)
    return made


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def update_set(
    authorization_set: AuthorizationSet, *, name: str, contents: Iterable[Right], version: int, by: Actor
) -> None:
    """Update a set; teams and users to which it was applied keep their rights.

    Raises as `create_set`, and EditConflict.
    """
    fresh = _lock_set(authorization_set, version, by)
    wanted = frozenset(contents)
    changes: Changes = {} if fresh.name == name else {"name": [fresh.name, name]}
    changes |= diff_rights(fresh.rights, wanted)
    if not changes:
        return
    checks.require_can_grant(by, wanted ^ fresh.rights)
    fresh.name, fresh.codes, fresh.version = name, sorted(wanted), version + 1
    _require_free_name(fresh)
    fresh.save()
    record(Verb.SET_CHANGED, fresh, by=by, provider_id=fresh.provider_id, changes=changes)


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def delete_set(authorization_set: AuthorizationSet, *, version: int, by: Actor) -> None:
    """Delete a set; teams and users to which it was applied keep their rights.

    Raises EditConflict, PermissionDenied.
    """
    fresh = _lock_set(authorization_set, version, by)
    record(Verb.SET_DELETED, fresh, by=by, provider_id=fresh.provider_id, changes=diff_rights(fresh.rights, []))
    fresh.delete()


def _lock_set(authorization_set: AuthorizationSet, version: int, by: Actor) -> AuthorizationSet:
    lock_and_authorize(authorization_set.provider_id, by, Right.MANAGE_SETS)
    fresh = AuthorizationSet.objects.filter(pk=authorization_set.pk).first()
    if fresh is None or fresh.version != version:
        raise EditConflict
    return fresh


def _require_free_name(made: AuthorizationSet) -> None:
    others = AuthorizationSet.objects.filter(match_name(made.name), provider=made.provider_id).exclude(pk=made.pk)
    if others.exists():
        message = _("A set with this name already exists. Choose another name.")
        raise ValidationError({"name": ValidationError(message, code="taken")})


class SetPreview(NamedTuple):
    """The version of a set and the rights of the target when the user confirmed the application."""

    version: int
    before: frozenset[str]


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def apply_set(
    authorization_set: AuthorizationSet, target: Team | User, *, by: Actor, shown: SetPreview | None = None
) -> None:
    """Add the rights of the set to a team, or to a user as individual rights.

    Raises EditConflict if the set is deleted or differs from what was `shown`, otherwise as `set_team_rights` and
    `set_individual_rights`.
    """
    _copy_set_rights(authorization_set, target, shown, keep=True, by=by)


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def replace_with_set(
    authorization_set: AuthorizationSet, target: Team | User, *, by: Actor, shown: SetPreview | None = None
) -> None:
    """Replace the rights of a team, or the individual rights of a user, by those of the set. Raises as `apply_set`."""
    _copy_set_rights(authorization_set, target, shown, keep=False, by=by)


def _copy_set_rights(
    authorization_set: AuthorizationSet, target: Team | User, shown: SetPreview | None, *, keep: bool, by: Actor
) -> None:
    if authorization_set.provider_id != target.provider_id:
        raise PermissionDenied(_("This is not your office."))
    needed = Right.MANAGE_TEAMS if isinstance(target, Team) else Right.GRANT_RIGHTS
    lock_and_authorize(target.provider_id, by, needed)
    fresh = AuthorizationSet.objects.filter(pk=authorization_set.pk).first()
    if fresh is None or shown not in (None, SetPreview(fresh.version, get_target_rights(target))):
        raise EditConflict
    now = get_target_rights(target)
    wanted = fresh.rights | now if keep else fresh.rights
    if isinstance(target, Team):
        checks.require_not_member(by, target)
        teams.actions.set_team_rights(target, wanted, by=by)
    else:
        checks.require_not_self(by, [target.pk])
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


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def create_team_from_set(
    provider: Provider, *, name: str, authorization_set: AuthorizationSet | None, by: Actor
) -> Team:
    """Create a team, with the rights of a set if one is given. Raises as `create_team` and `apply_set`."""
    team = teams.actions.create_team(provider, name=name, by=by)
    if authorization_set is not None:
        apply_set(authorization_set, team, by=by)
    return team
