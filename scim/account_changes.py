"""The account of a user of a directory: created, changed and blocked by the actions of the office."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

import invitations.actions
import users.actions
import users.change_login_method
import users.login_methods
from accounts.models import EmailChange, User
from accounts.user_details import UserDetails
from audit.actors import Actor
from core.keys import compute_email_key, compute_username_key
from permissions import checks
from permissions.checks import Right
from scim.models import DirectoryUser, EmailSource, NameSource
from scim.names import derive_initials, get_first_name, get_given_name, join_family_name, split_family_name
from users import email_changes


def apply_attributes(row: DirectoryUser, mobile_number: str, by: Actor) -> None:
    """Make the account as the directory wants it. Raises PermissionDenied, LastAdministrator, ValidationError."""
    if row.user is None:
        if row.active:
            create_account(row, mobile_number, by)
    elif not row.active:
        block_account(row, row.user, by)  # and nothing else: a wrong name or address must not keep a leaver in
    else:
        if row.user.blocked_at is not None and row.user.blocked_at == row.blocked_at:
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
    """Create the account. A website user without a mobile number has to be invited by an administrator first."""
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
    return users.login_methods.create_azure_user(
        row.connection.provider,
        details=_build_details(row),
        username=row.user_name,
        tenant=row.connection.tenant,
        external_user_id=external_user_id,
        by=by,
        user_id=row.pk,
    )


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


def _apply_details(row: DirectoryUser, user: User, mobile_number: str, by: Actor) -> None:
    if has_other_username(row, user) and user != by.user:
        users.change_login_method.rename_azure_user(user, username=row.user_name, by=by)
    if has_other_name(row, user):
        stored = User.objects.select_related("provider").get(pk=user.pk)
        details = build_names(row)
        users.actions.edit_user(stored, details=details, email=stored.email, version=stored.version, by=by)
    if has_other_email(row, user):
        if _is_beyond_directory(user, by):
            row.refusal = _("The address of an administrator, or of the owner of the connection, is changed in Loket.")
        else:
            _apply_email(user, find_email(row), mobile_number, by)


def _is_beyond_directory(user: User, by: Actor) -> bool:
    """Return whether a thief of the token would take over the office with an address of this user."""
    return user == by.user or checks.has_right(user, Right.MANAGE_PROVIDER)


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
