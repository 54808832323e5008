"""Create webservice and Azure users, which are not invited, and set passwords of webservice users.

Changing the login method of an existing user starts or ends an invitation: see `users.change_login_method`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import emails, passwords
from accounts.locks import lock_user
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from accounts.passwords import make_unusable_password
from accounts.sessions import end_sessions
from accounts.user_details import InitialAccessCallback, UserDetails, get_creation_changes
from accounts.validators import build_account_taken_error, build_username_taken_error, validate_username
from audit.actions import record, record_many
from audit.actors import Actor, action
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from core.keys import compute_username_key
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from users import password_overlap


class NewWebserviceUser(NamedTuple):
    details: UserDetails
    username: str
    password: str


class NewAzureUser(NamedTuple):
    details: UserDetails
    username: str
    tenant: ExternalTenant
    external_user_id: UUID


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
    (user,) = _build_webservice_users(provider, [NewWebserviceUser(details, username, password)])
    user.password = passwords.hash_password(password)  # slow, so before locking rows
    lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    return _save_new_user(user, by, user_id, assign_initial_access)


@action()
def create_webservice_users(provider: Provider, new_users: Sequence[NewWebserviceUser], *, by: Actor) -> list[User]:
    """Create users, all or none, with few queries. Raises as `create_webservice_user`."""
    users = _build_webservice_users(provider, new_users)
    hashes = passwords.hash_passwords(new.password for new in new_users)  # slow, so before locking rows
    for user, hashed in zip(users, hashes, strict=True):
        user.password = hashed
    lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    _save_new_users(users, by)
    return users


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
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    (user,) = _build_azure_users(provider, [NewAzureUser(details, username, tenant, external_user_id)])
    return _save_new_user(user, by, user_id, assign_initial_access)


def add_azure_user(provider: Provider, new: NewAzureUser, *, user_id: UUID, by: Actor) -> User:
    """Create a user with an id that nobody has, within an action that locked the office and asked for the right.

    Raises ValidationError as `create_azure_user`.
    """
    (user,) = _build_azure_users(provider, [new])
    user.pk = user_id
    _save_new_users([user], by)
    return user


@action()
def create_azure_users(provider: Provider, new_users: Sequence[NewAzureUser], *, by: Actor) -> list[User]:
    """Create users, all or none, with few queries, and e-mail them. Raises as `create_azure_user`."""
    users = _build_azure_users(lock_and_authorize(provider.pk, by, Right.MANAGE_USERS), new_users)
    _save_new_users(users, by)
    return users


def _build_webservice_users(provider: Provider, new_users: Sequence[NewWebserviceUser]) -> list[User]:
    kind, now = LoginMethod.SSO_WEBSERVICE, timezone.now()
    users = []
    for new in new_users:
        user = User(provider=provider, login_method=kind, username=new.username, password_changed_at=now, **new.details)
        validate_username(new.username)
        passwords.validate_password(new.password, about=passwords.build_password_context(user))
        users.append(user)
    return users


def _build_azure_users(provider: Provider, new_users: Sequence[NewAzureUser]) -> list[User]:
    for new in new_users:
        validate_username(new.username)
    tenants = {new.tenant.pk: new.tenant for new in new_users}
    usable = {pk: get_usable_tenant(provider, tenant) for pk, tenant in tenants.items()}
    return [
        User(
            provider=provider,
            login_method=LoginMethod.AZURE_AD,
            username=new.username,
            external_tenant=usable[new.tenant.pk],
            external_tid=usable[new.tenant.pk].tenant_id,
            external_user_id=new.external_user_id,
            password=make_unusable_password(),
            **new.details,
        )
        for new in new_users
    ]


def _save_new_user(
    user: User, by: Actor, user_id: UUID | None, assign_initial_access: InitialAccessCallback | None
) -> User:
    """Save `user` with `user_id`, or return the user that an earlier submission of the same form created."""
    if user_id is not None:
        known = User.objects.select_related("provider").filter(pk=user_id).first()
        if known is not None:
            same = ("provider_id", "login_method", "username", "email")
            if all(getattr(known, name) == getattr(user, name) for name in same):
                return known
            raise ValidationError(_("This form was already submitted. Open a new one."), code="used")
        user.pk = user_id
    _save_new_users([user], by)
    if assign_initial_access is not None:
        assign_initial_access(user)
    return user


def _save_new_users(users: list[User], by: Actor) -> None:
    """Insert users of one office, and e-mail those who sign in at Microsoft."""
    now = timezone.now()
    for user in users:
        user.accepted_at = now
    with require_unique(users):
        User.objects.bulk_create(users, batch_size=1000)
    changed = ((user, get_creation_changes(user)) for user in users)
    record_many(Verb.USER_CREATED, changed, by=by, provider_id=users[0].provider_id if users else None)
    if azure_users := [user for user in users if user.is_azure_user]:
        emails.send("microsoft_login", *azure_users, kind="microsoft", requester=by)


@contextmanager
def require_unique(users: list[User]) -> Iterator[None]:
    """Save `users` in a savepoint. Raises ValidationError for a username ("taken") or Microsoft account in use.

    Both are unique over all offices, so the lock on the office is not enough: another transaction may take one between
    the check and the statement.
    """
    _require_unique(users)
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        _require_unique(users)
        raise


def _require_unique(users: list[User]) -> None:
    """Raise ValidationError when a username or Microsoft account is in use by another user, or occurs twice."""
    own = {user.pk for user in users}
    keys = [compute_username_key(user.username or "") for user in users]
    accounts = [(user.external_tenant.tenant_id, user.external_user_id) for user in users if user.external_tenant]
    same = Q(username_key__in=keys) | Q(external_user_id__in=[object_id for _tenant_id, object_id in accounts])
    found = User.objects.filter(same).exclude(pk__in=own)
    held = list(found.values_list("username_key", "external_tid", "external_user_id"))
    if len(set(keys)) < len(keys) or not set(keys).isdisjoint(key for key, _tenant_id, _object_id in held):
        raise build_username_taken_error()
    if len(set(accounts)) < len(accounts) or not set(accounts).isdisjoint((tid, oid) for _key, tid, oid in held):
        raise build_account_taken_error()


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
def set_password(
    user: User, *, password: str, by: Actor, before: str | None = None, overlap_until: datetime | None = None
) -> User:
    """Set a new password for a user "Alleen via SSO/Webservice" and end sessions and tokens of the old one.

    With `overlap_until` the old password is accepted until then, and its tokens live on. `before` is the time of the
    last change that the form knew (ISO 8601): submitting a password twice sets it once. Raises PermissionDenied without
    authority over the user, EditConflict when another password was set in the meantime, ValidationError for a weak
    password, another login method ("kind"), a moment that is too far away ("overlap"), or the old password ("same").
    """
    passwords.validate_password(password, about=passwords.build_password_context(user))
    old = password_overlap.get_overlapping_hash(user, overlap_until)
    hashed = passwords.hash_password(password, like=old)  # slow, so before locking rows
    lock_and_authorize(user.provider_id, by, Right.MANAGE_USERS)
    user = lock_user(user.pk, actor=by.user)
    checks.require_authority_over(by, user)
    if not user.is_webservice_user:
        raise ValidationError(_("The office can set passwords only for SSO/Webservice users."), code="kind")
    if before is not None and before != get_password_set_at(user):
        if passwords.verify_password(password, user.password):
            return user
        raise EditConflict
    if old and old != user.password:
        raise EditConflict
    if old == hashed:
        raise ValidationError(_("This is already the password. Choose another one."), code="same")
    user.password, user.password_changed_at = hashed, timezone.now()
    user.previous_password, user.previous_password_until = old, overlap_until
    if not old:
        end_sessions(user, by=by)
    user.version += 1
    user.save()
    changes = {"previous_password_until": [None, overlap_until.isoformat()]} if overlap_until else {}
    record(Verb.PASSWORD_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)
    return user
