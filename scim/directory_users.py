"""Users as a directory wants them: what it says is stored, and the actions of the office make it so."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

import invitations.actions
import users.actions
import users.login_methods
from accounts.models import EmailChange, LoginMethod, User
from accounts.user_details import UserDetails
from audit.actors import Actor, action
from core.errors import EditConflict
from core.keys import compute_email_key, compute_username_key
from core.text import validate_no_control_characters
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from scim.models import DirectoryConnection, DirectoryUser
from scim.names import derive_initials, get_first_name, get_given_name, join_family_name, split_family_name
from users import email_changes

_MAX_ID_LENGTH = 255  # of userName and externalId


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
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_USERS)
    row = _find_former_user(connection, record)
    if row is None:
        row = DirectoryUser(provider_id=connection.provider_id, connection=connection)
    row.ended_at = None
    return _save_and_apply(row, record, by)


@action()
def update_directory_user(
    connection: DirectoryConnection, pk: UUID, record: DirectoryRecord, *, by: Actor
) -> DirectoryUser:
    """Store what the directory says now, and change the account accordingly.

    Raises EditConflict if the user is gone, PermissionDenied, LastAdministrator, ValidationError, MessageLimitReached.
    """
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
    row.attributes = {**row.attributes, "active": False}
    _apply_block(row, row.user, by)
    row.ended_at = row.blocked_at or row.user.blocked_at
    row.version += 1
    row.save()


@action()
def invite_waiting_user(row: DirectoryUser, *, mobile_number: str, by: Actor) -> User:
    """Invite a user whom the directory created without a mobile number, which is E.164.

    Repeating the call invites once. Raises EditConflict if the directory deleted the user or blocks them by now,
    PermissionDenied, ValidationError without a valid address, MessageLimitReached.
    """
    lock_and_authorize(row.provider_id, by, Right.MANAGE_USERS)
    found = list_directory_users(row.connection).filter(pk=row.pk).first()
    if found is None or not found.active:
        raise EditConflict
    if found.user is None:
        _create_user(found, mobile_number, by)
        found.version += 1
        found.save()
    if found.user is None:
        raise EditConflict  # the connection creates Azure users since
    return found.user


def list_waiting_users(connection: DirectoryConnection) -> QuerySet[DirectoryUser]:
    """Return the users whom an administrator has to invite, oldest first."""
    return list_directory_users(connection).filter(user=None, attributes__active=True).order_by("pk")


def _get_or_take_on(connection: DirectoryConnection, pk: UUID) -> DirectoryUser:
    found = find_resource(connection, pk)
    if found is None:
        raise EditConflict
    if isinstance(found, DirectoryUser):
        return found
    return DirectoryUser(
        id=found.pk,
        provider_id=connection.provider_id,
        connection=connection,
        user=found,
        user_name=found.username or found.email,
        attributes={"active": found.blocked_at is None},
    )


def _find_former_user(connection: DirectoryConnection, record: DirectoryRecord) -> DirectoryUser | None:
    """Return the user whom the directory deleted and now creates again: by external id, else by name without one."""
    rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection, ended_at__isnull=False)
    rows = rows.select_related("user").order_by("-ended_at")
    if record.external_id and (found := rows.filter(external_id=record.external_id).first()):
        return found
    same_name = rows.filter(user_name_key=compute_username_key(record.user_name)[:_MAX_ID_LENGTH])
    return (same_name.filter(external_id=None) if record.external_id else same_name).first()


def _save_and_apply(row: DirectoryUser, record: DirectoryRecord, by: Actor) -> DirectoryUser:
    _validate_record(record)
    row.user_name, row.external_id = record.user_name, record.external_id
    row.attributes = dict(record.attributes)
    _require_unique(row)
    row.save()
    if row.user is None:
        if row.active:
            _create_user(row, record.mobile_number, by)
    elif not row.active:
        _apply_block(row, row.user, by)  # and nothing else: a wrong name or address must not keep a leaver in
    else:
        if row.user.blocked_at is not None and row.user.blocked_at == row.blocked_at:
            users.actions.unblock_user(row.user, by=by)
            row.blocked_at = None
        _apply_details(row, row.user, record.mobile_number, by)
    row.save()
    if row.user is not None:
        row.user.refresh_from_db(fields=["blocked_at", "version", "access_until"])
    return row


def _validate_record(record: DirectoryRecord) -> None:
    """Raise ValidationError for what cannot be stored."""
    for text in _iter_texts([record.user_name, record.external_id or "", record.attributes]):
        validate_no_control_characters(text)
        if len(text) > _MAX_ID_LENGTH:
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
    same = Q(user_name_key=key[:_MAX_ID_LENGTH])
    others = list_other_users(row.connection).exclude(pk=row.pk)
    held = Q(username_key=key) | Q(username=None, email_key=compute_email_key(row.user_name))
    if row.external_id:
        same |= Q(external_id=row.external_id)
        if (object_id := parse_uuid(row.external_id)) and row.connection.tenant_id:
            held |= Q(external_user_id=object_id)
    if own.filter(same).exists() or others.filter(held).exists():
        raise ValidationError(_("A user with this userName or externalId already exists."), code="taken")


def parse_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _create_user(row: DirectoryUser, mobile_number: str, by: Actor) -> None:
    """Create the account. A website user without a mobile number has to be invited by an administrator first."""
    connection, details = row.connection, _build_details(row)
    if connection.creates_azure_users:
        row.user = _create_azure_user(row, details, by)
    elif mobile_number:
        row.user = invitations.actions.invite_user(
            connection.provider, details=details, mobile_number=mobile_number, by=by, user_id=row.pk
        )


def _create_azure_user(row: DirectoryUser, details: UserDetails, by: Actor) -> User:
    if row.connection.tenant is None:
        text = _("The tenant of this connection was removed. Choose another one in Loket.")
        raise ValidationError(text, code="tenant")
    external_user_id = parse_uuid(row.external_id)
    if external_user_id is None:
        raise ValidationError(
            _("The externalId must be the object ID of the user. Map objectId to externalId in the directory."),
            code="external_id",
        )
    return users.login_methods.create_azure_user(
        row.connection.provider,
        details=details,
        username=row.user_name,
        tenant=row.connection.tenant,
        external_user_id=external_user_id,
        by=by,
        user_id=row.pk,
    )


def _build_details(row: DirectoryUser) -> UserDetails:
    names = _build_names(row)
    given = str(row.attributes.get("name", {}).get("givenName") or "")
    initials = derive_initials(given, row.user_name)
    return UserDetails(initials=initials, email=find_email(row), **names)


def _build_names(row: DirectoryUser) -> UserDetails:
    """Return first name, prefix and last name; without a family name the last name is the first name or userName."""
    name = row.attributes.get("name") or {}
    first_name = get_first_name(str(name.get("givenName") or ""))
    prefix, last_name = split_family_name(str(name.get("familyName") or ""))
    last_name = last_name or split_family_name(first_name or row.user_name.partition("@")[0])[1]
    return UserDetails(first_name=first_name, prefix=prefix, last_name=last_name)


def find_email(row: DirectoryUser) -> str:
    """Return the primary address, else that for work, else the first, else the userName. Raises ValidationError."""
    listed = [entry for entry in row.attributes.get("emails") or [] if entry.get("value")]
    ranked = sorted(listed, key=lambda entry: (not entry.get("primary"), entry.get("type") != "work"))
    address = str(ranked[0]["value"]).strip() if ranked else row.user_name
    try:
        validate_email(address)
    except ValidationError:
        text = _("The user has no valid e-mail address: send one in emails.")
        raise ValidationError(text, code="email") from None
    return address


def _apply_block(row: DirectoryUser, user: User, by: Actor) -> None:
    if user.blocked_at is None:
        users.actions.block_user(user, by=by)
        user.refresh_from_db(fields=["blocked_at"])
        row.blocked_at = user.blocked_at


def _apply_details(row: DirectoryUser, user: User, mobile_number: str, by: Actor) -> None:
    name = row.attributes.get("name") or {}
    if name and (name.get("givenName"), name.get("familyName")) != (get_given_name(user), join_family_name(user)):
        stored = User.objects.select_related("provider").get(pk=user.pk)
        details = _build_names(row)
        users.actions.edit_user(stored, details=details, email=stored.email, version=stored.version, by=by)
    if row.attributes.get("emails"):
        _apply_email(user, find_email(row), mobile_number, by)


def _apply_email(user: User, address: str, mobile_number: str, by: Actor) -> None:
    """Request the change of the address, which its owner confirms; an open invitation is sent to it again."""
    key = compute_email_key(address)
    if key == user.email_key:
        return
    if user.accepted_at is not None:
        pending = EmailChange.objects.filter(user=user).first()
        if pending is None or compute_email_key(pending.email) != key:
            email_changes.request_email_change(user, address, by=by)
    elif mobile_number:
        invitations.actions.resend_invitation(user, mobile_number=mobile_number, email=address, by=by)
    else:
        text = _("The invitation went to another address. Send the mobile number as well, or resend it in Loket.")
        raise ValidationError(text, code="email")
