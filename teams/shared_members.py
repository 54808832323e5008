"""Memberships that users, directories or both keep: what adding and removing members does to them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actions import record_many
from audit.actors import Actor
from audit.changes import Changes
from audit.models import Verb
from permissions.models import ManagedBy, Team


class MemberChanges(NamedTuple):
    """Users who become members or leave, and those who stay and whom both keep from now on, or no longer."""

    added: Sequence[User]
    removed: Sequence[User]
    joined: Sequence[User]
    left: Sequence[User]

    @property
    def touched(self) -> list[User]:
        return [*self.added, *self.removed, *self.joined, *self.left]


def compare_members(team: Team, add: Sequence[User], remove: Sequence[User], managed_by: ManagedBy) -> MemberChanges:
    """Return what changes. Raises PermissionDenied for removing by hand who is a member through the directory alone."""
    asked = [user.pk for user in [*add, *remove]]
    present = dict(team.members.filter(user__in=asked).values_list("user_id", "managed_by"))
    if managed_by == ManagedBy.MANUAL:
        for user in remove:
            if present.get(user.pk) == ManagedBy.DIRECTORY:
                raise PermissionDenied(explain_directory_member(user, team))
    other = _get_other(managed_by)
    return MemberChanges(
        added=_deduplicate(user for user in add if user.pk not in present),
        removed=_deduplicate(user for user in remove if present.get(user.pk) == managed_by),
        joined=_deduplicate(user for user in add if present.get(user.pk) == other),
        left=_deduplicate(user for user in remove if present.get(user.pk) == ManagedBy.BOTH),
    )


def _deduplicate(users: Iterable[User]) -> list[User]:
    return list({user.pk: user for user in users}.values())


def _get_other(managed_by: ManagedBy) -> ManagedBy:
    return ManagedBy.DIRECTORY if managed_by == ManagedBy.MANUAL else ManagedBy.MANUAL


def explain_directory_member(user: User, team: Team) -> str:
    """Return why this user cannot be removed by hand."""
    text = _("%(name)s is in team %(team)s through the directory. Remove them from the group there.")
    return text % {"name": user.full_name, "team": team.name}


def share_members(team: Team, changes: MemberChanges, managed_by: ManagedBy, by: Actor) -> None:
    """Change who keeps the memberships that stay."""
    other = _get_other(managed_by)
    for users, before, after in (
        (changes.joined, other, ManagedBy.BOTH),
        (changes.left, ManagedBy.BOTH, other),
    ):
        if users:
            team.members.filter(user__in=users).update(managed_by=after)
            what: Changes = {team.name: [before.value, after.value]}
            record_many(Verb.MEMBERSHIP_SHARED, ((user, what) for user in users), by=by, provider_id=team.provider_id)
