"""The teams of the groups of a directory: their members follow the group, as far as the directory keeps them."""

from collections.abc import Iterable, Sequence

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, EventOrigin, build_directory_actor
from audit.changes import Changes
from audit.models import Verb
from permissions.action_helpers import get_team_rights
from permissions.checks import Right
from permissions.duty_guard import DutyRefusal
from permissions.models import ManagedBy, Team, TeamMember
from scim.models import DirectoryConnection, DirectoryGroup, DirectoryGroupMember, DirectoryUser, JoinRefusal


def change_team(
    group: DirectoryGroup, by: Actor, *, add: Iterable[DirectoryUser] = (), remove: Iterable[DirectoryUser] = ()
) -> None:
    """Add users to the team of the group, and remove those whom the directory added.

    The membership says whom a rule about duties keeps out, and that the owner of the connection, who cannot change
    their own rights, was left as they are. Raises PermissionDenied for a team with rights that the owner cannot give,
    LastAdministrator.
    """
    if group.team is None:
        return
    joining, leaving = [[row.user for row in rows if row.user is not None] for rows in (add, remove)]
    if by.user is not None and by.user in joining:
        _refuse(group, by.user, JoinRefusal.OWNER)
        joining.remove(by.user)
    if joining and _gives_administration(group):
        text = _("Team %(team)s gives the right to manage the office, which this group may not give.")
        raise PermissionDenied(text % {"team": group.team})
    _add_members(group, group.team, joining, by)
    remove_members(group.team, leaving, by)


def _gives_administration(group: DirectoryGroup) -> bool:
    """Return whether the team makes administrators, without the decision that this group may do so."""
    return group.team is not None and (
        Right.MANAGE_PROVIDER in get_team_rights(group.team) and not group.allows_administrators
    )


def _refuse(group: DirectoryGroup, user: User, reason: JoinRefusal) -> None:
    group.members.filter(row__user=user).update(refusal=reason)


def _add_members(group: DirectoryGroup, team: Team, users: Sequence[User], by: Actor) -> None:
    """Add all at once, and by halves if a rule about duties keeps some of them out."""
    if not users:
        return
    try:
        teams.actions.change_members(team, add=users, by=by, managed_by=ManagedBy.DIRECTORY)
    except DutyRefusal:
        if len(users) == 1:
            _refuse(group, users[0], JoinRefusal.DUTIES)
            return
        middle = len(users) // 2
        _add_members(group, team, users[:middle], by)
        _add_members(group, team, users[middle:], by)


def remove_members(team: Team, users: Sequence[User], by: Actor) -> None:
    """Remove whom the directory added; the owner of the connection stays, by hand from now on."""
    others = [user for user in users if user != by.user]
    if len(others) < len(users) and by.user is not None:
        kept = team.members.filter(user=by.user).exclude(managed_by=ManagedBy.MANUAL).first()
        if kept is not None:
            what: Changes = {team.name: [kept.managed_by, ManagedBy.MANUAL.value]}
            record(Verb.MEMBERSHIP_SHARED, by.user, by=by, provider_id=team.provider_id, changes=what)
            leave_to_office(team.members.filter(pk=kept.pk))
    if others:
        teams.actions.change_members(team, remove=others, by=by, managed_by=ManagedBy.DIRECTORY)


def leave_to_office(members: QuerySet[TeamMember]) -> None:
    """Keep the memberships of a directory, by hand from now on."""
    members.exclude(managed_by=ManagedBy.MANUAL).update(managed_by=ManagedBy.MANUAL)


def let_go(rows: Sequence[DirectoryUser]) -> None:
    """Take users whom the directory deleted out of its groups; they stay in the teams, by hand from now on."""
    in_groups = DirectoryGroupMember.objects.filter(row__in=rows)
    teams = in_groups.filter(group__team__isnull=False).values("group__team")
    leave_to_office(TeamMember.objects.filter(team__in=teams, user__directory_users__in=rows))
    in_groups.delete()


def rehearse_change(
    group: DirectoryGroup, by: Actor, *, add: Iterable[DirectoryUser], remove: Iterable[DirectoryUser]
) -> None:
    """Change the team and roll back, so that a shadow raises what a live connection would."""
    with transaction.atomic():
        change_team(group, by, add=add, remove=remove)
        transaction.set_rollback(True)


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
    if owner is None:
        members.update(refusal=JoinRefusal.NO_OWNER)
        return
    actor = by if by.origin == EventOrigin.DIRECTORY else build_directory_actor(owner, group.connection.name)
    try:
        with transaction.atomic():
            members.update(refusal="")
            change_team(group, actor, add=rows)
    except PermissionDenied:
        members.update(refusal=JoinRefusal.ADMINISTRATORS if _gives_administration(group) else JoinRefusal.RIGHTS)


def count_refusals(group: DirectoryGroup) -> list[tuple[str, int]]:
    """Return why members are not in the team, and of how many that is so. One query."""
    found = group.members.exclude(refusal="").values_list("refusal").annotate(Count("pk")).order_by("refusal")
    return [(str(JoinRefusal(reason).label), count) for reason, count in found]


def list_newcomers(group: DirectoryGroup, connection: DirectoryConnection) -> list[DirectoryUser]:
    """Return who gets the rights of the team of the group: not who has them, the owner, or who gets no account."""
    inside = TeamMember.objects.filter(provider=group.provider_id, team=group.team_id)
    rows = list_joining(group).exclude(user__in=inside.values("user"))
    if connection.owner_id is not None:
        rows = rows.exclude(user=connection.owner_id)
    return [row for row in rows if row.user is not None or row.active]


def list_joining(group: DirectoryGroup) -> QuerySet[DirectoryUser]:
    """Return the members of the group who are not in its team yet, also those without an account."""
    rows = DirectoryUser.objects.filter(provider=group.provider_id, groups__group=group, ended_at=None)
    inside = TeamMember.objects.filter(provider=group.provider_id, team=group.team_id)
    kept = inside.exclude(managed_by=ManagedBy.MANUAL).values("user")
    return rows.exclude(user__in=kept).select_related("user").order_by("user_name_key", "pk")
