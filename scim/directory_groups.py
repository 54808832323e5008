"""Groups of a directory: which users they have, and what that does to the team that an administrator chose."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.user_details import to_plain
from audit.actions import record
from audit.actors import Actor, action, build_directory_actor
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from core.keys import compute_name_key
from core.text import validate_no_control_characters
from permissions import checks
from permissions.action_helpers import get_team_employer_ids, get_team_rights, lock_and_authorize
from permissions.checks import LastAdministrator, Right
from permissions.models import Team
from scim import brake, leavers, memberships
from scim.actions import lock_connection, require_authority_of_owner
from scim.directory_rows import take_on
from scim.directory_users import forget_lost_groups
from scim.models import (
    MAX_ID_LENGTH,
    STAYING,
    AccessLoss,
    DirectoryConnection,
    DirectoryGroup,
    DirectoryGroupMember,
    DirectoryUser,
)


class GroupRecord(NamedTuple):
    """A group as the directory sends it, with the ids of its users."""

    name: str
    external_id: str | None
    members: frozenset[UUID]


class GroupMapping(NamedTuple):
    """What a group does here, see `DirectoryGroup`."""

    team: Team | None
    allows_administrators: bool = False
    blocks_removed: bool = False


def list_directory_groups(connection: DirectoryConnection) -> QuerySet[DirectoryGroup]:
    rows = DirectoryGroup.objects.filter(provider=connection.provider_id, connection=connection)
    return rows.select_related("team")


@action()
def create_directory_group(connection: DirectoryConnection, group_record: GroupRecord, *, by: Actor) -> DirectoryGroup:
    """Store a group, which does nothing until an administrator chooses a team for it.

    Raises PermissionDenied, ValidationError ("taken" for a name in use, "member" for an unknown user).
    """
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    group = DirectoryGroup(provider_id=connection.provider_id, connection=connection)
    _save_group(group, group_record)
    _change_members(group, group_record.members, by)
    return group


@action()
def update_directory_group(
    connection: DirectoryConnection,
    pk: UUID,
    group_record: GroupRecord,
    *,
    among: Collection[UUID] | None = None,
    by: Actor,
) -> DirectoryGroup:
    """Store what the directory says of the group now, and let its team follow.

    With `among`, the record says only which of these are members, and all others stay what they are. Raises
    EditConflict if the group is gone, ValidationError as create, LastAdministrator and PermissionDenied if the owner
    may do it for nobody.
    """
    group = _lock_group(connection, pk, by)
    group.version += 1
    _save_group(group, group_record)
    _change_members(group, group_record.members, by, among=among)
    return group


@action()
def end_directory_group(connection: DirectoryConnection, pk: UUID, *, by: Actor) -> None:
    """Remove a group, and whom it brought from its team. What the brake holds of that stays. Raises as update."""
    group = _lock_group(connection, pk, by)
    _change_members(group, frozenset(), by)
    memberships.leave_staying(group)
    group.delete()
    if not connection.is_shadow:  # whose plan still says that they are blocked
        forget_lost_groups(connection)


def _lock_group(connection: DirectoryConnection, pk: UUID, by: Actor) -> DirectoryGroup:
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    group = list_directory_groups(connection).filter(pk=pk).first()
    if group is None:
        raise EditConflict
    group.connection = connection
    return group


def _save_group(group: DirectoryGroup, group_record: GroupRecord) -> None:
    for text in (group_record.name, group_record.external_id or ""):
        validate_no_control_characters(text)
        if len(text) > MAX_ID_LENGTH:
            raise ValidationError(_("Use at most 255 characters."), code="length")
    if not compute_name_key(group_record.name):
        raise ValidationError(_("The displayName is empty."), code="length")
    key = compute_name_key(group_record.name)[:MAX_ID_LENGTH]
    if list_directory_groups(group.connection).filter(name_key=key).exclude(pk=group.pk).exists():
        raise ValidationError(_("A group with this displayName already exists."), code="taken")
    group.name, group.external_id = group_record.name, group_record.external_id
    group.save()


def _change_members(
    group: DirectoryGroup, wanted: Collection[UUID], by: Actor, *, among: Collection[UUID] | None = None
) -> None:
    """Exchange members, with what that does to team and accounts, as far as the owner may.

    Whom it was refused for keeps nobody else from it, and is stored. Raises the refusal if it was so for all.
    """
    added, removed = _exchange_members(group, wanted, among)
    opened = [row for row in added if row.is_out] if group.blocks_removed else []
    lost = leavers.list_lost(group, removed) if group.blocks_removed else []
    leavers.set_out(opened, is_out=False)
    leavers.set_out(lost, is_out=True)
    with transaction.atomic():
        in_team = _let_team_follow(group, added, removed, by)
        failed = leavers.open_accounts(group, opened, by)
        failed |= leavers.block_accounts(group, lost, by)  # at last, because one of them may be the owner
        transaction.set_rollback(group.connection.is_shadow)
    stays = [row.pk for row in removed if row.pk in in_team]
    group.members.filter(row__in=removed).exclude(row__in=stays).delete()
    blocked = {row.pk for row in lost}  # for whom the block counts, not that the team keeps them
    failed |= {pk: error for pk, error in in_team.items() if pk not in blocked}
    if any(isinstance(error, LastAdministrator) for error in failed.values()):
        DirectoryConnection.objects.filter(pk=group.connection_id).update(alarm_at=timezone.now())
    if failed and len(failed) == len(added) + len(removed):
        raise min(failed.values(), key=lambda error: not isinstance(error, LastAdministrator))


def _exchange_members(
    group: DirectoryGroup, wanted: Collection[UUID], among: Collection[UUID] | None
) -> tuple[list[DirectoryUser], list[DirectoryUser]]:
    """Store who was added, and return them and who is to be removed, also if that was refused before."""
    found = group.members.select_related("row__user")
    members = list(found if among is None else found.filter(row__in=among))
    present = {member.row_id for member in members if member.refusal not in STAYING}
    added = _find_members(group.connection, set(wanted) - present)
    removed = [member.row for member in sorted(members, key=lambda one: one.row_id) if member.row_id not in wanted]
    for row in [*added, *removed]:
        row.connection = group.connection
    if len(present) < len(members):
        group.members.filter(row__in=added).delete()
    DirectoryGroupMember.objects.bulk_create(
        [DirectoryGroupMember(provider_id=group.provider_id, group=group, row=row) for row in added], batch_size=1000
    )
    return added, removed


def _let_team_follow(
    group: DirectoryGroup, added: list[DirectoryUser], removed: list[DirectoryUser], by: Actor
) -> dict[UUID, Exception]:
    admitted = removed if group.connection.is_shadow else brake.admit_removals(group, removed)
    if group.team is not None and not group.connection.is_shadow:
        brake.forget(added, group.team)
    return memberships.change_team(group, by, add=added, remove=admitted)


def _find_members(connection: DirectoryConnection, pks: Collection[UUID]) -> list[DirectoryUser]:
    try:
        return take_on(connection, pks)
    except EditConflict:
        raise ValidationError(_("A member of the group is no user of this directory."), code="member") from None


@action(ReauthenticationLevel.FIVE_MINUTES)
def map_group(directory_group: DirectoryGroup, *, mapping: GroupMapping, version: int, by: Actor) -> DirectoryGroup:
    """Choose the team whose members the group keeps, and whether it blocks whom it loses.

    Members of a team that was chosen before stay in it, by hand from now on. Raises EditConflict, PermissionDenied for
    a team with rights that the actor or the owner of the connection cannot give, ValidationError ("taken" if another
    group keeps the team, "administrators" without the decision about the right to manage the office).
    """
    connection = lock_connection(directory_group.connection, by)
    require_authority_of_owner(connection, by)
    stored = list_directory_groups(connection).filter(pk=directory_group.pk).first()
    if stored is None or stored.version != version:
        raise EditConflict
    stored.connection = connection
    if mapping.team is not None:
        _require_usable(stored, mapping, by)
    before = GroupMapping(stored.team, stored.allows_administrators, stored.blocks_removed)
    if before.team is not None and before.team != mapping.team:
        _let_go(stored, before.team)
    stored.team, stored.allows_administrators, stored.blocks_removed = mapping
    stored.version += 1
    stored.save()
    if before.blocks_removed and not stored.blocks_removed:
        forget_lost_groups(connection)
    changes: Changes = {
        name: [to_plain(old), to_plain(new)]
        for name, old, new in zip(("directory_team", *GroupMapping._fields[1:]), before, mapping, strict=True)
        if old != new
    }
    if changes:
        record(Verb.DIRECTORY_GROUP_MAPPED, connection, by=by, provider_id=connection.provider_id, changes=changes)
    if stored.team is not None and not connection.is_shadow:
        memberships.sync_members(stored, list(memberships.list_joining(stored)), by)
        memberships.remove_staying(stored)
    return stored


def _require_usable(group: DirectoryGroup, mapping: GroupMapping, by: Actor) -> None:
    team, owner = mapping.team, group.connection.owner
    if team is None or team.provider_id != group.provider_id or owner is None:
        raise PermissionDenied(_("The connection has no owner."))
    if DirectoryGroup.objects.filter(provider=group.provider_id, team=team).exclude(pk=group.pk).exists():
        raise ValidationError({"team": ValidationError(_("Another group keeps this team already."), code="taken")})
    rights, places = get_team_rights(team), get_team_employer_ids(team)
    if Right.MANAGE_PROVIDER in rights and not mapping.allows_administrators:
        text = _("This team makes its members administrators of the office. Tick that the directory may do so.")
        raise ValidationError({"allows_administrators": ValidationError(text, code="administrators")})
    checks.require_right(by, Right.MANAGE_TEAMS)
    checks.require_can_grant(by, rights, places)
    found = checks.find_missing_right(build_directory_actor(owner, group.connection.name), rights, places)
    if found is not None or not checks.has_right(owner, Right.MANAGE_TEAMS):
        text = _("The owner of the connection cannot give the rights of this team. Choose another team or owner.")
        raise ValidationError({"team": ValidationError(text, code="owner")})


def _let_go(group: DirectoryGroup, team: Team) -> None:
    """Leave the members of the team to the office."""
    memberships.leave_to_office(team.members.all())
    memberships.leave_staying(group)
    AccessLoss.objects.filter(provider=group.provider_id, team=team).delete()
