"""Initial teams and rights of a new user; they are inactive until the invitation is accepted."""

from collections.abc import Iterable

from accounts.models import User
from audit.actors import Actor, action
from permissions import checks
from permissions.checks import Right
from permissions.models import AuthorizationSet, Team
from teams import actions, sets


@action()
def assign_initial_access(
    user: User,
    *,
    teams: Iterable[Team] = (),
    authorization_set: AuthorizationSet | None = None,
    individual: Iterable[Right] = (),
    by: Actor,
) -> None:
    """Assign teams, the rights of a set and further individual rights to a new user, all or nothing.

    Used as the `assign_initial_access` callback of the actions that create a user. Requires no right if nothing is
    chosen. Raises as `change_teams`, `apply_set` and `set_individual_rights`.
    """
    if chosen := list(teams):
        actions.change_teams(user, add=chosen, by=by)
    if authorization_set is not None:
        sets.apply_set(authorization_set, user, by=by)
    if own := frozenset(individual):
        actions.set_individual_rights(user, own | checks.individual_rights(user), by=by)
