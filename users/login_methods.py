"""Create webservice and Azure users, which are not invited, and set passwords of webservice users.

Changing the login method of an existing user starts or ends an invitation: see `users.change_login_method`.
"""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import emails, passwords
from accounts.locks import lock_user
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from accounts.passwords import make_unusable_password
from accounts.sessions import end_sessions
from accounts.user_details import InitialAccessCallback, UserDetails, get_creation_changes
from accounts.user_lookup import require_free_username
from accounts.validators import build_account_taken_error, validate_username
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right


@action()
def create_webservice_user(
    provider: Provider,
    *,
    details: UserDetails,
    username: str,
    password: str,
    by: Actor,
    user_id: UUID | None = None,
    assign_initial_access: InitialAccessCallback | None = None,
) -> User:
    """Create a user "Alleen via SSO/Webservice"; the office chooses username and password (seed article).

    `user_id` makes the action idempotent: a double click creates one user. `assign_initial_access` is called
    with a user created by this call; when it raises, no user is created. Raises PermissionDenied without the right to
    manage users, ValidationError for a weak password (several codes), a username in use ("taken"), or a `user_id` that
    created another user ("used").
    """
    user = User(provider=provider, login_method=LoginMethod.SSO_WEBSERVICE, username=username, **details)
    validate_username(username)
    passwords.validate_password(password, about=passwords.build_password_context(user))
    hashed = passwords.hash_password(password)  # slow, so before locking rows
    lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    if (previous := _find_previous_submission(user, user_id)) is not None:
        return previous
    user.password, user.password_changed_at = hashed, timezone.now()
    return _save_new_user(user, by, assign_initial_access)


@action()
def create_azure_user(
    provider: Provider,
    *,
    details: UserDetails,
    username: str,
    tenant: ExternalTenant,
    external_user_id: UUID,
    by: Actor,
    user_id: UUID | None = None,
    assign_initial_access: InitialAccessCallback | None = None,
) -> User:
    """Create a user "Alleen via Azure AD", who signs in at Microsoft only (seed article), and e-mail them.

    `user_id` and `assign_initial_access` as in `create_webservice_user`. Raises PermissionDenied without the right to
    manage users, ValidationError when the tenant cannot be used ("tenant"), or the username ("taken") or Microsoft
    account ("account_taken") is in use.
    """
    validate_username(username)
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    user = User(provider=provider, login_method=LoginMethod.AZURE_AD, username=username, **details)
    if (previous := _find_previous_submission(user, user_id)) is not None:
        return previous
    user.external_tenant, user.external_user_id = get_usable_tenant(provider, tenant), external_user_id
    user.password = make_unusable_password()
    _save_new_user(user, by, assign_initial_access)
    emails.send("microsoft_login", user, kind="microsoft", requester=by)
    return user


def _find_previous_submission(user: User, user_id: UUID | None) -> User | None:
    """Return the user created by an earlier submission of the same form; otherwise assign the id to `user`."""
    if user_id is None:
        return None
    known = User.objects.select_related("provider").filter(pk=user_id).first()
    if known is None:
        user.pk = user_id
        return None
    same = ("provider_id", "login_method", "username", "email")
    if all(getattr(known, name) == getattr(user, name) for name in same):
        return known
    raise ValidationError(_("This form was already submitted. Open a new one."), code="used")


def _save_new_user(user: User, by: Actor, assign_initial_access: InitialAccessCallback | None) -> User:
    user.accepted_at = timezone.now()
    save_unique_user(user)
    record(Verb.USER_CREATED, user, by=by, provider_id=user.provider_id, changes=get_creation_changes(user))
    if assign_initial_access is not None:
        assign_initial_access(user)
    return user


def save_unique_user(user: User) -> None:
    """Store `user`. Raises ValidationError when the username ("taken") or Microsoft account ("account_taken") is used.

    Both are unique over all offices, so the lock on the office is not enough.
    """
    _require_unique(user)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        _require_unique(user)  # taken between the check and the insert
        raise


def _require_unique(user: User) -> None:
    if user.username is not None:
        require_free_username(user.username, user=user)
    if user.external_tenant is not None and user.external_user_id is not None:
        require_free_microsoft_account(user.external_tenant, user.external_user_id, user=user)


def require_free_microsoft_account(tenant: ExternalTenant, external_user_id: UUID, *, user: User | None = None) -> None:
    """Raise ValidationError when a user of any office, other than `user`, has this Microsoft account."""
    holder = User.objects.filter(external_tid=tenant.tenant_id, external_user_id=external_user_id).first()
    if holder is not None and holder != user:
        raise build_account_taken_error()


def get_usable_tenant(provider: Provider, tenant: ExternalTenant) -> ExternalTenant:
    """Return `tenant` from the database. Raises ValidationError unless it is a confirmed tenant of that office."""
    found = ExternalTenant.objects.proved().filter(pk=tenant.pk, provider=provider).first()
    if found is None:
        raise ValidationError(_("This tenant cannot be used: it has been removed or is not confirmed."), code="tenant")
    return found


def get_password_set_at(user: User) -> str:
    """Return when the password of `user` was last set (ISO 8601), or "" if never."""
    return user.password_changed_at.isoformat() if user.password_changed_at else ""


@action(ReauthenticationLevel.FIVE_MINUTES)
def set_password(user: User, *, password: str, by: Actor, before: str | None = None) -> User:
    """Set a new password for a user "Alleen via SSO/Webservice" and end sessions and tokens of the old one.

    `before` is the time of the last change that the form knew (ISO 8601): submitting a password twice sets it once.
    Raises PermissionDenied without authority over the user, EditConflict when another password was set in the meantime,
    ValidationError for a weak password or another login method ("kind").
    """
    passwords.validate_password(password, about=passwords.build_password_context(user))
    hashed = passwords.hash_password(password)  # slow, so before locking rows
    lock_and_authorize(user.provider_id, by, Right.MANAGE_USERS)
    user = lock_user(user.pk, actor=by.user)
    checks.require_authority_over(by, user)
    if not user.is_webservice_user:
        raise ValidationError(_("The office can set passwords only for SSO/Webservice users."), code="kind")
    if before is not None and before != get_password_set_at(user):
        if passwords.verify_password(password, user.password):
            return user
        raise EditConflict
    user.password, user.password_changed_at = hashed, timezone.now()
    end_sessions(user, by=by)
    user.version += 1
    user.save()
    record(Verb.PASSWORD_CHANGED, user, by=by, provider_id=user.provider_id)
    return user
