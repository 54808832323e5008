"""Bulk creation of webservice and Azure users: the rules of `users.login_methods` with few queries."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import emails, passwords
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from accounts.passwords import make_unusable_password
from accounts.user_details import UserDetails, get_creation_changes
from accounts.validators import build_account_taken_error, build_username_taken_error, validate_username
from audit.actions import record_many
from audit.actors import Actor, action
from audit.models import Verb
from core.keys import compute_username_key
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from users import login_methods


class NewAzureUser(NamedTuple):
    """Values for one user, as for `login_methods.create_azure_user`."""

    details: UserDetails
    username: str
    tenant: ExternalTenant
    external_user_id: UUID


class NewWebserviceUser(NamedTuple):
    """Values for one user, as for `login_methods.create_webservice_user`."""

    details: UserDetails
    username: str
    password: str


@action()
def create_azure_users(provider: Provider, new_users: Sequence[NewAzureUser], *, by: Actor) -> list[User]:
    """Create users "Alleen via Azure AD", all or none, and e-mail them. Raises as `login_methods.create_azure_user`."""
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    tenants = {new.tenant.pk: new.tenant for new in new_users}
    usable = {key: login_methods.get_usable_tenant(provider, tenant) for key, tenant in tenants.items()}
    users = [
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
    _save_new_users(users, by)
    emails.send("microsoft_login", *users, kind="microsoft", requester=by)
    return users


@action()
def create_webservice_users(provider: Provider, new_users: Sequence[NewWebserviceUser], *, by: Actor) -> list[User]:
    """Create users "Alleen via SSO/Webservice", all or none. Raises as `login_methods.create_webservice_user`."""
    kind, now = LoginMethod.SSO_WEBSERVICE, timezone.now()
    users = [
        User(provider=provider, login_method=kind, username=new.username, password_changed_at=now, **new.details)
        for new in new_users
    ]
    for user, new in zip(users, new_users, strict=True):
        passwords.validate_password(new.password, about=passwords.build_password_context(user))
    hashes = passwords.hash_passwords(new.password for new in new_users)  # slow, so before locking rows
    lock_and_authorize(provider.pk, by, Right.MANAGE_USERS)
    for user, hashed in zip(users, hashes, strict=True):
        user.password = hashed
    _save_new_users(users, by)
    return users


def _save_new_users(users: list[User], by: Actor) -> None:
    now = timezone.now()
    for user in users:
        validate_username(user.username or "")
        user.accepted_at = now
    _require_unique(users)
    try:
        with transaction.atomic():
            User.objects.bulk_create(users, batch_size=1000)
    except IntegrityError:
        _require_unique(users)  # taken between the check and the insert
        raise
    changed = ((user, get_creation_changes(user)) for user in users)
    record_many(Verb.USER_CREATED, changed, by=by, provider_id=users[0].provider_id if users else None)


def _require_unique(users: list[User]) -> None:
    """Raise ValidationError when a username or Microsoft account is in use, or occurs twice."""
    keys = [compute_username_key(user.username or "") for user in users]
    if len(set(keys)) < len(keys) or User.objects.filter(username_key__in=keys).exists():
        raise build_username_taken_error()
    accounts = {(user.external_tid, user.external_user_id) for user in users if user.is_azure_user}
    ids = [external_user_id for _tid, external_user_id in accounts]
    found = User.objects.filter(external_user_id__in=ids).values_list("external_tid", "external_user_id")
    if len(accounts) < sum(user.is_azure_user for user in users) or accounts & set(found):
        raise build_account_taken_error()
