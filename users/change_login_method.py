"""Change the login method of an existing user, which ends or starts an invitation."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

import outbox.actions
from accounts import emails
from accounts.locks import lock_provider
from accounts.models import EmailChange, ExternalTenant, LoginMethod, User
from accounts.passwords import make_unusable_password
from accounts.sessions import end_sessions
from accounts.validators import validate_has_access, validate_username
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from invitations.actions import InvitationNotOpen, close_invitation, lock_invitation, send_invitation
from invitations.models import Invitation
from permissions import checks
from permissions.checks import Right
from users import login_methods

_RECORDED_FIELDS = ("login_method", "username", "external_tenant", "external_user_id", "two_factor_required")


@action()
def change_to_azure(
    user: User, *, tenant: ExternalTenant, external_user_id: UUID, username: str | None, by: Actor
) -> User:
    """Change a user to "Alleen via Azure AD", or an Azure user to another Microsoft account, and e-mail them.

    Deletes the password, revokes an open invitation, removes the two-factor requirement and ends all sessions.
    `username` is used for a user without one. Repeating the call changes nothing. Raises PermissionDenied on oneself or
    without authority, ValidationError when the tenant cannot be used ("tenant"), username or account are in use
    ("taken", "account_taken") or there is no username ("no_username").
    """
    user, invitation = _lock_user_and_invitation(user, by)
    before = _get_recorded_values(user)
    tenant = login_methods.get_usable_tenant(user.office, tenant)
    if user.external_tenant_id == tenant.pk and user.external_user_id == external_user_id:
        return user
    by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
    if user.username is None:
        if username is None:
            raise ValidationError(_("Enter a username."), code="no_username")
        validate_username(username)
        user.username = username
    verb = Verb.USER_CHANGED if user.is_azure_user else Verb.LOGIN_METHOD_CHANGED
    if invitation is not None and invitation.state != Invitation.State.ACCEPTED:
        outbox.actions.cancel_message(invitation.message)
        close_invitation(invitation, Invitation.State.REVOKED)
    user.login_method, user.external_tenant, user.external_user_id = LoginMethod.AZURE_AD, tenant, external_user_id
    user.password, user.password_changed_at, user.two_factor_required = make_unusable_password(), None, False
    user.previous_password, user.previous_password_until = "", None
    user.accepted_at = user.accepted_at or timezone.now()
    user.password_resets.all().delete()
    user.version += 1
    end_sessions(user, by=by)
    with login_methods.require_unique([user]):
        user.save()
    _mark_office_established(user)
    emails.send("microsoft_login", user, kind="microsoft", requester=by)
    record(verb, user, by=by, provider_id=user.provider_id, changes=_build_changes(before, user))
    return user


@action()
def rename_azure_user(user: User, *, username: str, by: Actor) -> User:
    """Change the username of an Azure user whose account at Microsoft was renamed; the account stays the same.

    Repeating the call changes nothing. Raises PermissionDenied on oneself or without authority, ValidationError when
    the user is no Azure user ("kind") or the username is in use ("taken") or impossible.
    """
    user, _invitation = _lock_user_and_invitation(user, by)
    if not user.is_azure_user:
        raise ValidationError(_("This is possible only for Azure AD users."), code="kind")
    if user.username == username:
        return user
    validate_username(username)
    before, user.username = _get_recorded_values(user), username
    user.version += 1
    with login_methods.require_unique([user]):
        user.save()
    record(Verb.USER_CHANGED, user, by=by, provider_id=user.provider_id, changes=_build_changes(before, user))
    return user


@action()
def change_to_website(user: User, *, mobile_number: str, by: Actor) -> User:
    """Change an Azure user to "Via website en SSO" and send an invitation; rights are inactive until it is accepted.

    `mobile_number` is E.164 and is stored only encrypted, in the invitation. Repeating the call sends nothing. Raises
    PermissionDenied on oneself or without authority, LastAdministrator when no administrator would be left,
    ValidationError when the user is no Azure user ("kind") or is blocked ("no_access"), MessageLimitReached when too
    many messages were sent.
    """
    user, invitation = _lock_user_and_invitation(user, by)
    before = _get_recorded_values(user)
    if user.is_website_user and user.accepted_at is None:
        return user
    by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
    if not user.is_azure_user:
        raise ValidationError(_("This is possible only for Azure AD users."), code="kind")
    validate_has_access(user)
    user.login_method, user.username, user.accepted_at = LoginMethod.WEBSITE_SSO, None, None
    user.external_tenant = user.external_user_id = None
    EmailChange.objects.filter(user=user).delete()  # the address of an invited user changes with the invitation
    user.version += 1
    end_sessions(user, by=by)
    user.save()
    checks.require_administrator(user.office)
    record(Verb.LOGIN_METHOD_CHANGED, user, by=by, provider_id=user.provider_id, changes=_build_changes(before, user))
    invitation = invitation or Invitation(provider=user.office, user=user)
    invitation.subject = invitation.body = ""
    send_invitation(invitation, mobile_number, by)
    return user


def _lock_user_and_invitation(user: User, by: Actor) -> tuple[User, Invitation | None]:
    """Return the user and the invitation, if any, both locked after the office."""
    provider = lock_provider(user.provider_id)
    checks.require_right(by, Right.MANAGE_USERS)
    checks.require_authority_over(by, user)
    try:
        invitation = lock_invitation(user.pk)
    except InvitationNotOpen:
        users = User.objects.select_for_update(of=("self",)).select_related("provider")
        return users.get(pk=user.pk, provider=provider), None
    return invitation.user, invitation


def _mark_office_established(user: User) -> None:
    """Store that the office has had an active administrator; from then on it must keep one (rule 6)."""
    provider = user.office
    if provider.established_at is None and checks.has_administrator(provider):
        provider.established_at = timezone.now()
        provider.save(update_fields=["established_at"])


def _get_recorded_values(user: User) -> dict[str, Any]:
    values = {name: getattr(user, name) for name in _RECORDED_FIELDS}
    return {name: value if isinstance(value, bool) or value is None else str(value) for name, value in values.items()}


def _build_changes(before: dict[str, Any], user: User) -> Changes:
    after = _get_recorded_values(user)
    return {name: [before[name], after[name]] for name in _RECORDED_FIELDS if before[name] != after[name]}
