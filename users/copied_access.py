"""What an invitation takes over from a colleague, and what it leaves out."""

from collections.abc import Sequence
from typing import Any, cast

from accounts.models import User
from accounts.search import filter_by_search, sort_users_by_match
from core.paging import paginate_queryset
from core.pickers import MAX_HITS
from permissions import checks
from permissions.models import Team
from users.forms.initial_access import InitialAccessForm


def build_initial_values(colleague: User) -> dict[str, Any]:
    """Return the teams, two-factor and applied sets of `colleague`, as initial values of the form of an invitation.

    A set counts as long as the colleague has all of its rights. Individual rights are exceptions, and not copied.
    """
    individual = checks.individual_rights(colleague)
    applied = colleague.applied_sets.select_related("authorization_set").order_by("-applied_at", "-pk")
    sets = [row.authorization_set for row in applied if row.authorization_set.rights <= individual]
    told = colleague.applied_notification_sets.order_by("-applied_at", "-pk").first()
    return {
        "teams": list(map(str, colleague.memberships.values_list("team", flat=True))),
        "two_factor_required": colleague.two_factor_required,
        "authorization_set": str(sets[0].pk) if sets else "",
        "signal_set": str(told.notification_set_id) if told else "",
    }


def list_left_out_teams(form: InitialAccessForm, user: User, colleague: User) -> list[Team]:
    """Return the teams of `colleague` to which `user` cannot add anyone."""
    teams = Team.objects.visible_to(user).filter(members__user=colleague).order_by("sort_name", "pk")
    if "teams" in form.fields:
        offered = cast(Any, form.fields["teams"]).queryset
        teams = teams.exclude(pk__in=offered.values("pk"))
    return list(teams)


def list_matching_colleagues(user: User, q: str) -> Sequence[User]:
    """Return the users of the office of `user` that match `q` best."""
    found = filter_by_search(User.objects.visible_to(user), q)
    return paginate_queryset(found, cursor="", sorts=sort_users_by_match(q), size=MAX_HITS).rows
