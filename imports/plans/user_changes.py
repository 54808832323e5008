"""The change of one user in a plan, and what decides the user's rights before and after."""

from typing import NamedTuple

from django.utils import timezone

from imports.files.user_rows import UserRow, UserWithAccess
from imports.plans.plan import PlanItem
from imports.plans.user_command_types import UserCommand
from permissions.catalog import rights_from_codes
from permissions.impact import HypotheticalUser


class UserChange(NamedTuple):
    """A row with its planned item, and the user before and after, for computing rights."""

    row: UserRow
    item: PlanItem
    user: UserWithAccess | None
    commands: list[UserCommand]
    before: HypotheticalUser | None
    after: HypotheticalUser


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
