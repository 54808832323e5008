"""Initial teams and rights of a new user; they are inactive until the invitation is accepted."""

from collections.abc import Iterable

from django.db import transaction

from accounts.models import User
from audit.actors import Actor, Proof, asks
from teams import actions, rights, sets
from teams.models import AuthorizationSet, Team
from teams.rights import Right


@asks(Proof.HALF_HOUR)
@transaction.atomic
def equip(
    user: User,
    *,
    teams: Iterable[Team] = (),
    authorization_set: AuthorizationSet | None = None,
    individual: Iterable[Right] = (),
    by: Actor,
) -> None:
    """Assign teams, the rights of a set and further individual rights to a new user, all or nothing.

    Used as the `equip` callback of the actions that create a user. Requires no right if nothing is chosen. Raises as
    `change_teams`, `apply` and `set_individual_rights`.
    """
    if chosen := list(teams):
        actions.change_teams(user, add=chosen, by=by)
    if authorization_set is not None:
        sets.apply(authorization_set, user, by=by)
    if own := frozenset(individual):
        actions.set_individual_rights(user, own | rights.individual_rights(user), by=by)
