"""The change of one user in a plan, and what decides the user's rights before and after."""

from typing import NamedTuple
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from imports.files.user_rows import UserRow, UserWithAccess
from imports.plans.plan import Plan, PlanItem
from imports.plans.user_command_types import UserCommand
from permissions.catalog import rights_from_codes
from permissions.impact import HypotheticalUser
from permissions.models import ManagedBy
from teams.shared_members import explain_directory_member


class UserChange(NamedTuple):
    """A row with its planned item, and the user before and after, for computing rights."""

    row: UserRow
    item: PlanItem
    user: UserWithAccess | None
    commands: list[UserCommand]
    before: HypotheticalUser | None
    after: HypotheticalUser
    shared: frozenset[UUID] = frozenset()  # teams to leave that a directory keeps the user in


def snapshot_user(user: UserWithAccess) -> HypotheticalUser:
    return HypotheticalUser(
        user.login_method,
        None if user.accepted_at is None else timezone.localdate(user.accepted_at),
        user.blocked_at is not None,
        user.access_until,
        user.two_factor_required,
        user.second_factor_at is not None,
        frozenset(member.team_id for member in user.membership_rows),
        rights_from_codes(row.right for row in user.right_rows),
    )


def check_shared_teams(row: UserRow, item: PlanItem, user: UserWithAccess | None, plan: Plan) -> frozenset[UUID]:
    """Refuse to end memberships of a directory, and return the teams in which it keeps the user as well."""
    old, new = item["changes"].get("teams", [None, None])
    left, shared = {*(old or ())} - {*(new or ())}, set()
    if user is None or not left:
        return frozenset()
    for member in user.membership_rows:
        if member.team.name in left and member.managed_by == ManagedBy.DIRECTORY:
            row.add_problem("teams", explain_directory_member(user, member.team))
        elif member.team.name in left and member.managed_by == ManagedBy.BOTH:
            plan.notices[describe_kept_team(member.team.name)] += 1
            shared.add(member.team_id)
    return frozenset(shared)


def describe_kept_team(name: str) -> str:
    text = _("The directory keeps the user in team %(team)s. Remove them from the group there as well.")
    return text % {"team": name}
