"""Users as a directory wants them: what it says is stored, and the actions of the office make it so."""

from contextlib import suppress
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from audit.actors import Actor, action
from core import encryption
from core.errors import EditConflict
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from scim import brake, memberships
from scim.account_changes import apply_attributes, block_account, create_account, find_email, rehearse_attributes
from scim.announcements import settle
from scim.directory_rows import (
    DirectoryRecord,
    find_former_user,
    find_row,
    list_directory_users,
    require_no_website_user,
    require_unique,
    validate_record,
)
from scim.models import AccessLoss, AnnouncedStep, DirectoryConnection, DirectoryUser


@action()
def create_directory_user(connection: DirectoryConnection, record: DirectoryRecord, *, by: Actor) -> DirectoryUser:
    """Store a user of the directory and create the account; a former user gets the same account back.

    Raises PermissionDenied, ValidationError ("taken", "account_taken" if such a user exists), MessageLimitReached.
    """
    validate_record(record)
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = find_former_user(connection, record)
    if row is None:
        row = DirectoryUser(provider_id=connection.provider_id)
    else:
        row.connection = connection
        _leave_former_groups(row, by)
    row.connection, row.ended_at, row.is_out = connection, None, False
    return _save_and_apply(row, record, by)


def _leave_former_groups(row: DirectoryUser, by: Actor) -> None:
    """Take a user out of the groups that their deletion left, because the brake held it or the owner could not."""
    for member in row.groups.select_related("group__team"):
        member.group.connection = row.connection
        if not row.connection.is_shadow and not brake.admit_removals(member.group, [row]):
            member.delete()  # but not from the team, before an administrator decides
    memberships.leave_teams(row, by)


@action()
def update_directory_user(
    connection: DirectoryConnection, pk: UUID, record: DirectoryRecord, *, by: Actor
) -> DirectoryUser:
    """Store what the directory says now, and change the account accordingly.

    Raises EditConflict if the user is gone, PermissionDenied, LastAdministrator, ValidationError, MessageLimitReached.
    """
    validate_record(record)
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = find_row(connection, pk)
    row.version += 1
    return _save_and_apply(row, record, by)


@action()
def end_directory_user(connection: DirectoryConnection, pk: UUID, *, by: Actor) -> None:
    """Block a user whom the directory deletes; the account is kept as every blocked one. Raises as update."""
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = find_row(connection, pk)
    memberships.note_change(row)
    if row.user is None:
        row.announced_steps.update(outcome=AnnouncedStep.Outcome.DROPPED)
        row.delete()
        return
    brake.reconsider(row)
    row.attributes = {**row.attributes, "active": False}
    row.ended_at, row.pending = timezone.now(), False
    row.version += 1
    row.save()
    if row.connection.is_shadow or not brake.admit_block(row):
        rehearse_attributes(row, "", by)
    else:
        block_account(row, row.user, by)
        row.save()
        memberships.leave_teams(row, by)
    settle(row.announced_steps.all())


@action()
def invite_waiting_user(row: DirectoryUser, *, mobile_number: str, by: Actor) -> User:
    """Invite a user whom the directory created without a mobile number, which is E.164.

    Repeating the call invites once. Raises EditConflict if the directory deleted the user or blocks them by now,
    PermissionDenied, ValidationError without a valid address, MessageLimitReached.
    """
    lock_and_authorize(row.provider_id, by, Right.MANAGE_USERS)
    found = list_directory_users(row.connection).filter(pk=row.pk).first()
    if found is None or not found.active or row.connection.is_shadow:
        raise EditConflict
    if found.user is None:
        found.connection = row.connection
        create_account(found, mobile_number, by)
        found.version += 1
        found.save()
        memberships.join_teams(found, by)
        settle(found.announced_steps.all())
    if found.user is None:
        raise EditConflict  # the connection creates Azure users since
    return found.user


def list_waiting_users(connection: DirectoryConnection) -> QuerySet[DirectoryUser]:
    """Return the users whom an administrator has to invite, oldest first."""
    if connection.is_shadow or connection.creates_azure_users:
        return DirectoryUser.objects.none()
    rows = list_directory_users(connection).filter(user=None, attributes__active=True, is_out=False)
    return rows.filter(pending=False, encrypted_phone=None).order_by("pk")


@action()
def repeat_block(connection: DirectoryConnection, pk: UUID, *, by: Actor) -> None:
    """Block a user of whom the directory says again that they are out, see `DirectoryUser.lacks_block`.

    An administrator may have opened it since, or the owner of the connection could not block them. Raises as update.
    """
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = find_row(connection, pk)
    was_pending, row.pending, row.refusal = row.pending, False, ""
    row.version += 1
    row.save()
    apply_if_admitted(row, "", by)
    if was_pending and not row.is_held:
        memberships.join_teams(row, by)


def forget_lost_groups(connection: DirectoryConnection) -> None:
    """End what groups that block whom they lose decided, once the connection has none; held and refused blocks stay.

    Those blocked stay so, until the directory says that they are active or an administrator unblocks them.
    """
    if not connection.groups.filter(blocks_removed=True).exists():
        rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection, is_out=True)
        held = connection.losses.filter(team=None, state=AccessLoss.State.HELD)
        refused = ~Q(refusal="") & Q(user__blocked_at=None)
        rows = rows.filter(pending=False).exclude(pk__in=held.values("row")).exclude(refused)
        DirectoryUser.objects.filter(pk__in=rows.values("pk")).update(is_out=False, version=F("version") + 1)


def _save_and_apply(row: DirectoryUser, record: DirectoryRecord, by: Actor) -> DirectoryUser:
    known = set() if row._state.adding else set(_list_addresses(row))
    row.user_name, row.external_id = record.user_name, record.external_id
    if row.attributes and row.attributes.get("active") and not record.attributes.get("active"):
        brake.reconsider(row)
    row.attributes = dict(record.attributes)
    require_unique(row.connection, [row])
    if row.user is None:
        require_no_website_user(row.connection, set(_list_addresses(row)) - known)
    was_pending, row.pending, row.refusal = row.pending, False, ""
    if row._state.adding and row.user is None and row.active and not row.connection.is_shadow:
        create_account(row, record.mobile_number, by)  # of whom nothing is held, and who is in no group yet
        row.save()
        return row
    kept_number = "" if row.connection.is_shadow else _take_mobile_number(row)
    row.save()
    if row.connection.is_shadow:
        _keep_mobile_number(row, record.mobile_number)
        rehearse_attributes(row, record.mobile_number, by)
    else:
        apply_if_admitted(row, record.mobile_number or kept_number, by)
        if was_pending and not row.is_held:
            memberships.join_teams(row, by)  # in place of the worker, after going live
        settle(row.announced_steps.all())
    if row.user is not None:
        row.user.refresh_from_db(fields=["blocked_at", "version", "access_until"])
    return row


def _list_addresses(row: DirectoryUser) -> list[str]:
    addresses = [row.user_name]
    with suppress(ValidationError):
        addresses.append(find_email(row))
    return addresses


def apply_if_admitted(row: DirectoryUser, mobile_number: str, by: Actor) -> None:
    """Make the account as the directory wants it, unless the brake holds that it blocks the user."""
    if row.active:
        brake.forget([row])
        row.is_held = False
    elif not brake.admit_block(row):
        rehearse_attributes(row, mobile_number, by)
        return
    had_account = row.user is not None
    apply_attributes(row, mobile_number, by)
    if not had_account:
        memberships.join_teams(row, by)


def _keep_mobile_number(row: DirectoryUser, mobile_number: str) -> None:
    if mobile_number and row.user is None and not row.connection.creates_azure_users:
        row.encrypted_phone = encryption.encrypt(mobile_number.encode(), context=row.encryption_context)
        row.save(update_fields=["encrypted_phone"])


def _take_mobile_number(row: DirectoryUser) -> str:
    """Return the number that was kept for the invitation, which uses it now; "" if there is none."""
    encrypted, row.encrypted_phone = row.encrypted_phone, None
    return encryption.decrypt(bytes(encrypted), context=row.encryption_context).decode() if encrypted else ""


@action()
def apply_pending_user(row: DirectoryUser, *, by: Actor) -> None:
    """Do what was announced at going live, released or refused, as far as it still differs. Raises as update."""
    lock_and_authorize(row.provider_id, by, Right.MANAGE_USERS)
    if row.is_held:  # an administrator decides, or decided that they keep their access
        row.pending = False
        row.save(update_fields=["pending"])
        return
    if row.ended_at is not None and row.user is not None:
        block_account(row, row.user, by)
        memberships.leave_teams(row, by)
    else:
        apply_attributes(row, _take_mobile_number(row), by)
    row.pending = False
    row.version += 1
    row.save()
    memberships.join_teams(row, by)
    settle(row.announced_steps.all())
    if row.is_out:
        forget_lost_groups(row.connection)
