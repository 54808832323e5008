"""Users as a directory wants them: what it says is stored, and the actions of the office make it so."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import LoginMethod, User
from audit.actors import Actor, action
from core import encryption
from core.errors import EditConflict
from core.keys import compute_email_key, compute_username_key
from core.text import validate_no_control_characters
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from scim import brake, memberships
from scim.account_changes import (
    apply_attributes,
    block_account,
    create_account,
    parse_uuid,
    rehearse_attributes,
)
from scim.models import MAX_ID_LENGTH, AccessLoss, DirectoryConnection, DirectoryUser
from scim.names import build_attributes


class DirectoryRecord(NamedTuple):
    """A user as the directory sends it. `mobile_number` is E.164 or "", and is not stored."""

    user_name: str
    external_id: str | None
    attributes: Mapping[str, Any]  # see `DirectoryUser.attributes`
    mobile_number: str = ""


def list_other_users(connection: DirectoryConnection) -> QuerySet[User]:
    """Return the users whom no directory manages yet and this one may take on.

    SSO/Webservice users, and Azure users of another tenant, do not exist for it.
    """
    rows = User.objects.filter(
        Q(login_method=LoginMethod.WEBSITE_SSO) | Q(login_method=LoginMethod.AZURE_AD),
        provider=connection.provider_id,
    )
    if connection.tenant_id is not None:
        rows = rows.filter(Q(external_tenant=None) | Q(external_tenant=connection.tenant_id))
    managed = DirectoryUser.objects.filter(provider=connection.provider_id, user=OuterRef("pk"))
    return rows.filter(~Exists(managed))


def list_directory_users(connection: DirectoryConnection) -> QuerySet[DirectoryUser]:
    rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection, ended_at=None)
    return rows.select_related("user")


def find_resource(connection: DirectoryConnection, pk: UUID) -> DirectoryUser | User | None:
    """Return what the directory calls a user: its own, or one whom it may take on."""
    return list_directory_users(connection).filter(pk=pk).first() or list_other_users(connection).filter(pk=pk).first()


@action()
def create_directory_user(connection: DirectoryConnection, record: DirectoryRecord, *, by: Actor) -> DirectoryUser:
    """Store a user of the directory and create the account; a former user gets the same account back.

    Raises PermissionDenied, ValidationError ("taken", "account_taken" if such a user exists), MessageLimitReached.
    """
    _validate_record(record)
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = _find_former_user(connection, record)
    if row is None:
        row = DirectoryUser(provider_id=connection.provider_id)
    row.connection, row.ended_at, row.is_out = connection, None, False
    return _save_and_apply(row, record, by)


@action()
def update_directory_user(
    connection: DirectoryConnection, pk: UUID, record: DirectoryRecord, *, by: Actor
) -> DirectoryUser:
    """Store what the directory says now, and change the account accordingly.

    Raises EditConflict if the user is gone, PermissionDenied, LastAdministrator, ValidationError, MessageLimitReached.
    """
    _validate_record(record)
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = _get_or_take_on(connection, pk)
    row.version += 1
    return _save_and_apply(row, record, by)


@action()
def end_directory_user(connection: DirectoryConnection, pk: UUID, *, by: Actor) -> None:
    """Block a user whom the directory deletes; the account is kept as every blocked one. Raises as update."""
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = _get_or_take_on(connection, pk)
    if row.user is None:
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
    if found.user is None:
        raise EditConflict  # the connection creates Azure users since
    return found.user


def list_waiting_users(connection: DirectoryConnection) -> QuerySet[DirectoryUser]:
    """Return the users whom an administrator has to invite, oldest first."""
    if connection.is_shadow or connection.creates_azure_users:
        return DirectoryUser.objects.none()
    rows = list_directory_users(connection).filter(user=None, attributes__active=True, is_out=False)
    return rows.filter(pending=False, encrypted_phone=None).order_by("pk")


def take_on(connection: DirectoryConnection, pk: UUID) -> DirectoryUser:
    """Return what the directory says of a user, with an own row from now on.

    Raises EditConflict if there is none, ValidationError ("taken").
    """
    row = _get_or_take_on(connection, pk)
    if row._state.adding:
        _require_unique(row)
        row.save()
    return row


def _get_or_take_on(connection: DirectoryConnection, pk: UUID) -> DirectoryUser:
    found = find_resource(connection, pk)
    if found is None:
        raise EditConflict
    if isinstance(found, DirectoryUser):
        found.connection = connection
        return found
    return DirectoryUser(
        id=found.pk,
        provider_id=connection.provider_id,
        connection=connection,
        user=found,
        user_name=found.username or found.email,
        attributes=build_attributes(found) | {"active": found.blocked_at is None},  # an end date is of the office
    )


@action()
def repeat_block(connection: DirectoryConnection, pk: UUID, *, by: Actor) -> None:
    """Block a user of whom the directory says again that they are out, see `DirectoryUser.lacks_block`.

    An administrator may have opened it since, or the owner of the connection could not block them. Raises as update.
    """
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = list_directory_users(connection).get(pk=pk)
    row.connection, row.pending, row.refusal = connection, False, ""
    row.version += 1
    row.save()
    apply_if_admitted(row, "", by)


def forget_lost_groups(connection: DirectoryConnection) -> None:
    """End what groups that block whom they lose decided, once the connection has none; held blocks stay.

    Those blocked stay so, until the directory says that they are active or an administrator unblocks them.
    """
    if not connection.groups.filter(blocks_removed=True).exists():
        rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection, is_out=True)
        held = connection.losses.filter(team=None, state=AccessLoss.State.HELD)
        rows.filter(pending=False).exclude(pk__in=held.values("row")).update(is_out=False, version=F("version") + 1)


def _find_former_user(connection: DirectoryConnection, record: DirectoryRecord) -> DirectoryUser | None:
    """Return the user whom the directory deleted and now creates again: by external id; by name if neither has one."""
    rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection, ended_at__isnull=False)
    rows = rows.select_related("user").order_by("-ended_at")
    if record.external_id:
        return rows.filter(external_id=record.external_id).first()
    key = compute_username_key(record.user_name)[:MAX_ID_LENGTH]
    return rows.filter(user_name_key=key, external_id=None).first()


def _save_and_apply(row: DirectoryUser, record: DirectoryRecord, by: Actor) -> DirectoryUser:
    row.user_name, row.external_id = record.user_name, record.external_id
    if row.attributes and row.attributes.get("active") and not record.attributes.get("active"):
        brake.reconsider(row)
    row.attributes = dict(record.attributes)
    _require_unique(row)
    row.pending, row.refusal = False, ""
    kept_number = "" if row.connection.is_shadow else _take_mobile_number(row)
    row.save()
    if row.connection.is_shadow:
        _keep_mobile_number(row, record.mobile_number)
        rehearse_attributes(row, record.mobile_number, by)
    else:
        apply_if_admitted(row, record.mobile_number or kept_number, by)
    if row.user is not None:
        row.user.refresh_from_db(fields=["blocked_at", "version", "access_until"])
    return row


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
    """Do what was announced at going live, as far as it still differs. Raises as update."""
    lock_and_authorize(row.provider_id, by, Right.MANAGE_USERS)
    if row.ended_at is not None and row.user is not None:
        block_account(row, row.user, by)
        memberships.leave_teams(row, by)
    else:
        apply_attributes(row, _take_mobile_number(row), by)
    row.pending = False
    row.version += 1
    row.save()
    memberships.join_teams(row, by)
    if row.is_out:
        forget_lost_groups(row.connection)


def _validate_record(record: DirectoryRecord) -> None:
    """Raise ValidationError for what cannot be stored."""
    for text in _iter_texts([record.user_name, record.external_id or "", record.attributes]):
        validate_no_control_characters(text)
        if len(text) > MAX_ID_LENGTH:
            raise ValidationError(_("Use at most 255 characters."), code="length")
    if not record.user_name.strip():
        raise ValidationError(_("The userName is empty."), code="length")


def _iter_texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in _iter_texts(part)]
    return [value] if isinstance(value, str) else []


def _require_unique(row: DirectoryUser) -> None:
    """Raise ValidationError if another user of the office that the directory can see has this userName or id."""
    key = compute_username_key(row.user_name)
    own = list_directory_users(row.connection).exclude(pk=row.pk)
    same = Q(user_name_key=key[:MAX_ID_LENGTH])
    others = list_other_users(row.connection).exclude(pk=row.pk)
    held = Q(username_key=key) | Q(username=None, email_key=compute_email_key(row.user_name))
    if row.external_id:
        same |= Q(external_id=row.external_id)
        if (object_id := parse_uuid(row.external_id)) and row.connection.tenant_id:
            held |= Q(external_user_id=object_id)
    if own.filter(same).exists() or others.filter(held).exists():
        raise ValidationError(_("A user with this userName or externalId already exists."), code="taken")
