"""The teams of the groups of a directory: their members follow the group, as far as the directory keeps them."""

from collections.abc import Iterable, Sequence

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import User
from audit.actors import Actor, EventOrigin, build_directory_actor
from permissions.action_helpers import get_team_rights
from permissions.checks import Right
from permissions.models import ManagedBy, TeamMember
from scim.models import DirectoryGroup, DirectoryGroupMember, DirectoryUser


def change_team(
    group: DirectoryGroup, by: Actor, *, add: Iterable[DirectoryUser] = (), remove: Iterable[DirectoryUser] = ()
) -> None:
    """Add users to the team of the group, and remove those whom the directory added.

    The owner of the connection is left as they are, and the membership says so. Raises PermissionDenied for a team with
    rights that the owner cannot give, LastAdministrator.
    """
    if group.team is None:
        return
    joining, leaving = _list_users(group, add, by), _list_users(group, remove, by)
    if joining and Right.MANAGE_PROVIDER in get_team_rights(group.team) and not group.allows_administrators:
        text = _("Team %(team)s gives the right to manage the office, which this group may not give.")
        raise PermissionDenied(text % {"team": group.team})
    kept = ManagedBy.DIRECTORY
    teams.actions.change_members(group.team, add=joining, remove=leaving, by=by, managed_by=kept)


def rehearse_change(
    group: DirectoryGroup, by: Actor, *, add: Iterable[DirectoryUser], remove: Iterable[DirectoryUser]
) -> None:
    """Change the team and roll back, so that a shadow raises what a live connection would."""
    with transaction.atomic():
        change_team(group, by, add=add, remove=remove)
        transaction.set_rollback(True)


def _list_users(group: DirectoryGroup, rows: Iterable[DirectoryUser], by: Actor) -> list[User]:
    """Return the accounts of `rows`, without that of the owner, who cannot change their own rights."""
    found = [row.user for row in rows if row.user is not None]
    if by.user is not None and by.user in found:
        text = _("The owner of the connection cannot change their own teams.")
        group.members.filter(row__user=by.user).update(refusal=text)
        found.remove(by.user)
    return found


def join_teams(row: DirectoryUser, by: Actor) -> None:
    """Put a user who has an account now into the teams of their groups; the membership says what was refused."""
    if row.user is None or row.ended_at is not None or row.connection.is_shadow:
        return
    for member in row.groups.filter(group__team__isnull=False).select_related("group__team"):
        sync_members(member.group, [row], by)


def leave_teams(row: DirectoryUser, by: Actor) -> None:
    """Take a user whom the directory deleted out of their groups and teams, as far as the owner may."""
    for member in row.groups.select_related("group__team"):
        member.group.connection = row.connection
        try:
            with transaction.atomic():
                if not row.connection.is_shadow:
                    change_team(member.group, by, remove=[row])
                member.delete()
        except PermissionDenied:
            continue  # they are blocked in any case


def sync_members(group: DirectoryGroup, rows: Sequence[DirectoryUser], by: Actor) -> None:
    """Add members of the group to its team; what is refused is stored in the memberships."""
    members = DirectoryGroupMember.objects.filter(group=group, row__in=rows)
    owner = group.connection.owner
    try:
        if owner is None:
            raise PermissionDenied(_("The connection has no owner."))
        with transaction.atomic():
            members.update(refusal="")
            actor = by if by.origin == EventOrigin.DIRECTORY else build_directory_actor(owner, group.connection.name)
            change_team(group, actor, add=rows)
    except PermissionDenied as error:
        members.update(refusal=str(error)[:300])


def list_joining(group: DirectoryGroup) -> QuerySet[DirectoryUser]:
    """Return the members of the group who are not in its team yet, also those without an account."""
    rows = DirectoryUser.objects.filter(provider=group.provider_id, groups__group=group, ended_at=None)
    inside = TeamMember.objects.filter(provider=group.provider_id, team=group.team_id)
    kept = inside.exclude(managed_by=ManagedBy.MANUAL).values("user")
    return rows.exclude(user__in=kept).select_related("user").order_by("user_name_key", "pk")
