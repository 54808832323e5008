"""The teams of the groups of a directory: their members follow the group, as far as the directory keeps them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, EventOrigin, build_directory_actor
from audit.changes import Changes
from audit.models import Verb
from permissions import checks
from permissions.action_helpers import get_team_employer_ids, get_team_rights
from permissions.checks import LastAdministrator, Right
from permissions.duty_guard import DutyRefusal
from permissions.models import ManagedBy, Team, TeamMember
from scim.models import (
    STAYING,
    DirectoryConnection,
    DirectoryGroup,
    DirectoryGroupMember,
    DirectoryUser,
    JoinRefusal,
)
from scim.refusals import try_all

_Refused = tuple[User, Exception]


def change_team(
    group: DirectoryGroup, by: Actor, *, add: Iterable[DirectoryUser] = (), remove: Iterable[DirectoryUser] = ()
) -> dict[UUID, Exception]:
    """Add users to the team of the group, and remove those whom the directory added, as far as the owner may.

    The memberships say who was left as they are, and why. Return the errors of these users by their ids, but not of
    whom a rule about duties keeps out, nor of the owner of the connection, who cannot change their own rights.
    """
    team = group.team
    if team is None:
        return {}
    adding, removing = [[row.user for row in rows if row.user is not None] for rows in (add, remove)]
    through = team.members.exclude(managed_by=ManagedBy.MANUAL).filter(user__in=[*adding, *removing])
    kept = set(through.values_list("user_id", flat=True))
    joining, leaving = [user for user in adding if user.pk not in kept], [user for user in removing if user.pk in kept]
    if by.user is not None and by.user in joining:
        _refuse(group, [by.user], JoinRefusal.OWNER)
        joining.remove(by.user)
    obstacle = _find_obstacle(team, by) if joining or leaving else None
    refused = _add_members(group, team, joining, by, obstacle) + _remove_members(group, team, leaving, by, obstacle)
    return {user.pk: error for user, error in refused}


def _find_obstacle(team: Team, by: Actor) -> PermissionDenied | None:
    """Return why the actor can add nobody to the team, and remove nobody from it."""
    try:
        checks.require_right(by, Right.MANAGE_TEAMS)
        checks.require_can_grant(by, get_team_rights(team), get_team_employer_ids(team))
    except PermissionDenied as error:
        return error
    return None


def _gives_administration(group: DirectoryGroup) -> bool:
    """Return whether the team makes administrators, without the decision that this group may do so."""
    return group.team is not None and (
        Right.MANAGE_PROVIDER in get_team_rights(group.team) and not group.allows_administrators
    )


def _refuse(group: DirectoryGroup, users: Sequence[User], reason: JoinRefusal) -> None:
    if users:
        group.members.filter(row__user__in=users).update(refusal=reason)


def _add_members(
    group: DirectoryGroup, team: Team, users: Sequence[User], by: Actor, obstacle: PermissionDenied | None
) -> list[_Refused]:
    """Add all at once, and by halves if a rule about duties or the rights of the owner keep some of them out."""
    reason = JoinRefusal.RIGHTS
    if users and _gives_administration(group):
        text = _("Team %(team)s gives the right to manage the office, which this group may not give.")
        obstacle, reason = PermissionDenied(text % {"team": team}), JoinRefusal.ADMINISTRATORS
    if obstacle is not None:
        refused: list[_Refused] = [(user, obstacle) for user in users]
    else:
        refused = try_all(users, lambda part: _change(team, by, add=part))
    others = [(user, error) for user, error in refused if not isinstance(error, DutyRefusal)]
    _refuse(group, [user for user, error in refused if isinstance(error, DutyRefusal)], JoinRefusal.DUTIES)
    _refuse(group, [user for user, _error in others], reason)
    return others


def _remove_members(
    group: DirectoryGroup, team: Team, users: Sequence[User], by: Actor, obstacle: PermissionDenied | None
) -> list[_Refused]:
    """Remove all at once, and by halves if the rights of the owner or of the last administrator keep some of them."""
    if obstacle is not None:
        remove_members(team, [user for user in users if user == by.user], by)
        refused: list[_Refused] = [(user, obstacle) for user in users if user != by.user]
    else:
        refused = try_all(users, lambda part: remove_members(team, part, by))
    last = [user for user, error in refused if isinstance(error, LastAdministrator)]
    _refuse(group, last, JoinRefusal.LAST_ADMINISTRATOR)
    _refuse(group, [user for user, _error in refused if user not in last], JoinRefusal.STAYS)
    return refused


def _change(team: Team, by: Actor, *, add: Sequence[User] = (), remove: Sequence[User] = ()) -> None:
    teams.actions.change_members(team, add=add, remove=remove, by=by, managed_by=ManagedBy.DIRECTORY)


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
        _change(team, by, remove=others)


def leave_to_office(members: QuerySet[TeamMember]) -> None:
    """Keep the memberships of a directory, by hand from now on."""
    members.exclude(managed_by=ManagedBy.MANUAL).update(managed_by=ManagedBy.MANUAL)


def let_go(rows: Sequence[DirectoryUser]) -> None:
    """Take users whom the directory deleted out of its groups; they stay in the teams, by hand from now on."""
    in_groups = DirectoryGroupMember.objects.filter(row__in=rows)
    teams = in_groups.filter(group__team__isnull=False).values("group__team")
    leave_to_office(TeamMember.objects.filter(team__in=teams, user__directory_users__in=rows))
    in_groups.delete()


def leave_staying(group: DirectoryGroup) -> None:
    """End the memberships of whom the group lost and its team kept: they stay in the team, by hand from now on."""
    staying = group.members.filter(refusal__in=STAYING)
    if group.team is not None:
        leave_to_office(group.team.members.filter(user__directory_users__groups__in=staying))
    staying.delete()


def note_change(row: DirectoryUser) -> None:
    """Count as a change of their groups that a user is no member any longer, or is one again."""
    groups = DirectoryGroup.objects.filter(provider=row.provider_id, members__row=row)
    groups.update(version=F("version") + 1, changed_at=timezone.now())


def join_teams(row: DirectoryUser, by: Actor) -> None:
    """Put a user who has an account now into the teams of their groups; the membership says what was refused."""
    if row.user is None or row.ended_at is not None or row.connection.is_shadow:
        return
    members = row.groups.filter(group__team__isnull=False).exclude(refusal__in=STAYING)
    for member in members.select_related("group__team"):
        sync_members(member.group, [row], by)


def leave_teams(row: DirectoryUser, by: Actor) -> None:
    """Take a user whom the directory deleted out of their groups and teams, as far as the owner may."""
    for member in row.groups.select_related("group__team"):
        member.group.connection = row.connection
        if row.connection.is_shadow or not change_team(member.group, by, remove=[row]):
            member.delete()  # else they are blocked in any case


def sync_members(group: DirectoryGroup, rows: Sequence[DirectoryUser], by: Actor) -> None:
    """Add members of the group to its team; what is refused is stored in the memberships."""
    members = DirectoryGroupMember.objects.filter(group=group, row__in=rows)
    owner = group.connection.owner
    if owner is None:
        members.update(refusal=JoinRefusal.NO_OWNER)
        return
    actor = by if by.origin == EventOrigin.DIRECTORY else build_directory_actor(owner, group.connection.name)
    members.update(refusal="")
    change_team(group, actor, add=rows)


def remove_staying(group: DirectoryGroup) -> None:
    """Try once more to remove from the team whom the group lost."""
    staying = group.members.filter(refusal__in=STAYING)
    rows = [member.row for member in staying.select_related("row__user")]
    if rows and group.connection.owner is not None:
        owner = build_directory_actor(group.connection.owner, group.connection.name)
        staying.exclude(row__in=change_team(group, owner, remove=rows)).delete()


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
    members = DirectoryGroupMember.objects.filter(group=group).exclude(refusal__in=STAYING)
    rows = DirectoryUser.objects.filter(provider=group.provider_id, groups__in=members, ended_at=None)
    inside = TeamMember.objects.filter(provider=group.provider_id, team=group.team_id)
    kept = inside.exclude(managed_by=ManagedBy.MANUAL).values("user")
    return rows.exclude(user__in=kept).select_related("user").order_by("user_name_key", "pk")
