"""Initial teams and rights of a new user; they are inactive until the invitation is accepted."""

from collections.abc import Iterable

from accounts.models import User
from audit.actors import Actor, action
from permissions import checks
from permissions.checks import Right
from permissions.duty_guard import settle_duties_at_end
from permissions.models import AuthorizationSet, Team
from permissions.team_reach import load_team_reach
from teams import actions, sets


@action()
@settle_duties_at_end()
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


def preview_set(authorization_set: AuthorizationSet, teams: Iterable[Team]) -> sets.RightsDifference:
    """Return what the set adds to the rights of a new user in `teams`. Two queries."""
    ids = frozenset(team.pk for team in teams)
    reach = load_team_reach(authorization_set.provider_id, ids)
    covered = reach.find_covered_rights(ids, authorization_set.rights)
    return sets.compare_with_set(authorization_set, frozenset(), covered)
