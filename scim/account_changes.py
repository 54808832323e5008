"""The account of a user of a directory: created, changed and blocked by the actions of the office."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import invitations.actions
import users.actions
import users.change_login_method
import users.login_methods
from accounts.models import EmailChange, User
from accounts.user_details import UserDetails
from audit.actors import Actor
from core.keys import compute_email_key, compute_username_key
from core.throttle import Throttled
from permissions import checks
from permissions.checks import Right
from scim.models import MAX_REFUSAL_LENGTH, DirectoryUser, EmailSource, NameSource
from scim.names import derive_initials, get_first_name, get_given_name, join_family_name, split_family_name
from scim.refusals import describe_refusal
from users import email_changes
from users.login_methods import NewAzureUser

_USERNAME_KEPT = gettext_lazy("The username of the owner of the connection is changed in Loket.")
_ADDRESS_KEPT = gettext_lazy("The address of an administrator, or of the owner of the connection, is changed in Loket.")
_OBJECT_ID_KEPT = gettext_lazy("The directory has another object ID, so the user cannot log in. Change it in Loket.")


def apply_attributes(row: DirectoryUser, mobile_number: str, by: Actor) -> None:
    """Make the account as the directory wants it. Raises PermissionDenied, LastAdministrator, ValidationError."""
    if row.user is None:
        if row.active:
            create_account(row, mobile_number, by)
    elif not row.active:
        block_account(row, row.user, by)  # and nothing else: a wrong name or address must not keep a leaver in
    else:
        if row.is_blocked_by_directory:
            users.actions.unblock_user(row.user, by=by)
            row.blocked_at = None
        _apply_details(row, row.user, mobile_number, by)
    row.save()


def rehearse_attributes(row: DirectoryUser, mobile_number: str, by: Actor) -> None:
    """Apply and roll back, so that a shadow raises what a live connection would."""
    rehearsed = DirectoryUser.objects.select_related("user").get(pk=row.pk)
    rehearsed.connection = row.connection
    with transaction.atomic():
        apply_attributes(rehearsed, mobile_number, by)
        transaction.set_rollback(True)


def parse_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def create_account(row: DirectoryUser, mobile_number: str, by: Actor) -> None:
    """Create the account, within an action that asked for the right to manage users.

    A website user without a mobile number has to be invited by an administrator first.
    """
    if row.connection.creates_azure_users:
        row.user = _create_azure_user(row, by)
    elif mobile_number:
        row.user = invitations.actions.invite_user(
            row.connection.provider,
            details=_build_details(row),
            mobile_number=mobile_number,
            by=by,
            user_id=row.pk,
        )


def _create_azure_user(row: DirectoryUser, by: Actor) -> User:
    if row.connection.tenant is None:
        text = _("The tenant of this connection was removed. Choose another one in Loket.")
        raise ValidationError(text, code="tenant")
    external_user_id = parse_uuid(row.external_id)
    if external_user_id is None:
        raise ValidationError(
            _("The externalId must be the object ID of the user. Map objectId to externalId in the directory."),
            code="external_id",
        )
    new = NewAzureUser(_build_details(row), row.user_name, row.connection.tenant, external_user_id)
    try:
        return users.login_methods.add_azure_user(row.connection.provider, new, user_id=row.pk, by=by)
    except ValidationError:
        former = row.connection.directory_users.filter(ended_at__isnull=False)
        if not former.filter(user__username_key=compute_username_key(row.user_name)).exists():
            raise
        text = _(
            "A user whom the directory deleted has this userName and another object ID. If both are the same user,"
            " give that user the new object ID in Loket; the directory then opens the account again."
        )
        raise ValidationError(text, code="taken") from None


def _build_details(row: DirectoryUser) -> UserDetails:
    names = build_names(row)
    initials = derive_initials(get_sent_name(row)[0], row.user_name)
    return UserDetails(initials=initials, email=find_email(row), **names)


def get_sent_name(row: DirectoryUser) -> tuple[str, str]:
    """Return given and family name as the directory sent them, empty without a name."""
    if row.connection.name_source == NameSource.DISPLAY_NAME:
        given, _space, family = " ".join(str(row.attributes.get("displayName") or "").split()).partition(" ")
        return given, family
    name = row.attributes.get("name") or {}
    return str(name.get("givenName") or ""), str(name.get("familyName") or "")


def build_names(row: DirectoryUser) -> UserDetails:
    """Return first name, prefix and last name; without a family name the last name is the first name or userName."""
    given, family = get_sent_name(row)
    first_name, (prefix, last_name) = get_first_name(given), split_family_name(family)
    last_name = last_name or split_family_name(first_name or row.user_name.partition("@")[0])[1]
    return UserDetails(first_name=first_name, prefix=prefix, last_name=last_name)


def has_other_name(row: DirectoryUser, user: User) -> bool:
    """Return whether the directory sent a name that is not that of the account."""
    sent = get_sent_name(row)
    return any(sent) and sent != (get_given_name(user), join_family_name(user))


def has_other_email(row: DirectoryUser, user: User) -> bool:
    """Return whether the directory sent an address that is not that of the account. Raises ValidationError."""
    sends_email = row.connection.email_source == EmailSource.USER_NAME or bool(row.attributes.get("emails"))
    return sends_email and compute_email_key(find_email(row)) != user.email_key


def has_other_username(row: DirectoryUser, user: User) -> bool:
    """Return whether the account at Microsoft, of which userName is the name, has another name than here."""
    return user.is_azure_user and compute_username_key(row.user_name) != user.username_key


def has_other_object_id(row: DirectoryUser, user: User) -> bool:
    """Return whether the account at Microsoft is another one, with which the user cannot sign in here."""
    object_id = parse_uuid(row.external_id)
    return user.is_azure_user and object_id is not None and user.external_user_id not in (None, object_id)


def find_email(row: DirectoryUser) -> str:
    """Return the primary address, else that for work, else the first, else the userName. Raises ValidationError."""
    by_name = row.connection.email_source == EmailSource.USER_NAME
    listed = [] if by_name else [entry for entry in row.attributes.get("emails") or [] if entry.get("value")]
    ranked = sorted(listed, key=lambda entry: (not entry.get("primary"), entry.get("type") != "work"))
    address = str(ranked[0]["value"]).strip() if ranked else row.user_name
    try:
        validate_email(address)
    except ValidationError:
        text = _("The user has no valid e-mail address: send one in emails.")
        raise ValidationError(text, code="email") from None
    return address


def block_account(row: DirectoryUser, user: User, by: Actor) -> None:
    if user.blocked_at is None:
        users.actions.block_user(user, by=by)
        user.refresh_from_db(fields=["blocked_at"])
        row.blocked_at = user.blocked_at


def block_accounts(rows: Sequence[DirectoryUser], by: Actor) -> None:
    """Block all, or none, with a fixed number of queries. Raises PermissionDenied, LastAdministrator."""
    leavers = [row.user for row in rows if row.user is not None and row.user.blocked_at is None]
    blocked = User.objects.filter(pk__in=[user.pk for user in users.actions.block_users(leavers, by=by)])
    moments: dict[UUID | None, datetime | None] = dict(blocked.values_list("pk", "blocked_at"))
    done = [row for row in rows if row.user_id in moments]
    for row in done:
        row.blocked_at, row.refusal = moments[row.user_id], ""
    DirectoryUser.objects.bulk_update(done, ["blocked_at", "refusal"], batch_size=1000)


def open_accounts(rows: Sequence[DirectoryUser], by: Actor) -> None:
    """Open the accounts that the directory blocked, all or none, with a fixed number of queries.

    Raises PermissionDenied, MessageLimitReached.
    """
    closed = {row: row.user for row in rows if row.user and row.user.blocked_at and row.is_blocked_by_directory}
    users.actions.unblock_users(list(closed.values()), by=by)
    for row, user in closed.items():
        row.blocked_at = user.blocked_at = None
    for row in rows:
        row.is_held, row.refusal = False, ""
    DirectoryUser.objects.bulk_update(rows, ["blocked_at", "is_held", "refusal"], batch_size=1000)


def store_refusals(refused: Sequence[tuple[DirectoryUser, Exception]]) -> None:
    """Store why the step of a user was refused; the worker takes one that had to wait for the limit on messages."""
    for row, error in refused:
        row.pending = isinstance(error, Throttled)
        row.refusal = "" if row.pending else describe_refusal(error, row.connection)
    DirectoryUser.objects.bulk_update([row for row, _error in refused], ["pending", "refusal"], batch_size=1000)


def _apply_details(row: DirectoryUser, user: User, mobile_number: str, by: Actor) -> None:
    kept = list(_list_kept(row, user, by))
    if has_other_username(row, user) and user != by.user:
        users.change_login_method.rename_azure_user(user, username=row.user_name, by=by)
    if has_other_name(row, user):
        stored = User.objects.select_related("provider").get(pk=user.pk)
        details = build_names(row)
        users.actions.edit_user(stored, details=details, email=stored.email, version=stored.version, by=by)
    if has_other_email(row, user) and _ADDRESS_KEPT not in kept:
        _apply_email(user, find_email(row), mobile_number, by)
    with translation.override(row.connection.provider.email_language):  # administrators read it, not the directory
        row.refusal = " ".join(map(str, kept))[:MAX_REFUSAL_LENGTH]


def _list_kept(row: DirectoryUser, user: User, by: Actor) -> Iterator[Promise]:
    """Yield what the account keeps although the directory wants otherwise."""
    if has_other_username(row, user) and user == by.user:
        yield _USERNAME_KEPT
    if has_other_email(row, user) and _is_beyond_directory(user, by):
        yield _ADDRESS_KEPT
    if has_other_object_id(row, user):
        yield _OBJECT_ID_KEPT


def _is_beyond_directory(user: User, by: Actor) -> bool:
    """Return whether a thief of the token would take over the office with an address of this user.

    Also with that of an administrator who cannot sign in yet or at present.
    """
    return user == by.user or Right.MANAGE_PROVIDER in checks.held_rights(user)


def _apply_email(user: User, address: str, mobile_number: str, by: Actor) -> None:
    """Request the change of the address, which its owner confirms; an open invitation is sent to it again."""
    key = compute_email_key(address)
    if user.accepted_at is not None:
        pending = EmailChange.objects.filter(user=user).first()
        if pending is None or compute_email_key(pending.email) != key:
            email_changes.request_email_change(user, address, by=by)
    elif mobile_number:
        invitations.actions.resend_invitation(user, mobile_number=mobile_number, email=address, by=by)
    else:
        text = _("The invitation went to another address. Send the mobile number as well, or resend it in Loket.")
        raise ValidationError(text, code="email")
