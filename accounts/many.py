"""Bulk creation of webservice and Azure users: the rules of `accounts.kinds` with few queries."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import kinds, letters, passwords
from accounts.actions import Details, shown, unusable_password
from accounts.locks import lock_provider
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actions import record_all
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket.text import username_key
from teams import rights
from teams.rights import Right


class NewAzureUser(NamedTuple):
    """Values for one user, as for `kinds.create_azure_user`."""

    details: Details
    username: str
    tenant: ExternalTenant
    external_user_id: UUID


class NewWebserviceUser(NamedTuple):
    """Values for one user, as for `kinds.create_webservice_user`."""

    details: Details
    username: str
    password: str


@asks(Proof.HALF_HOUR)
@transaction.atomic
def create_azure_users(provider: Provider, people: Sequence[NewAzureUser], *, by: Actor) -> list[User]:
    """Create users "Alleen via Azure AD", all or none, and e-mail them. Raises as `kinds.create_azure_user`."""
    provider = _begin(provider, by)
    tenants = {one.tenant.pk: one.tenant for one in people}
    usable = {key: kinds.usable_tenant(provider, tenant) for key, tenant in tenants.items()}
    users = [
        User(
            provider=provider,
            login_method=LoginMethod.AZURE_AD,
            username=one.username,
            external_tenant=usable[one.tenant.pk],
            external_user_id=one.external_user_id,
            password=unusable_password(),
            **one.details,
        )
        for one in people
    ]
    _store(users, by)
    letters.microsoft(*users, asker=by)
    return users


@asks(Proof.HALF_HOUR)
@transaction.atomic
def create_webservice_users(provider: Provider, people: Sequence[NewWebserviceUser], *, by: Actor) -> list[User]:
    """Create users "Alleen via SSO/Webservice", all or none. Raises as `kinds.create_webservice_user`."""
    kind, now = LoginMethod.SSO_WEBSERVICE, timezone.now()
    users = [
        User(provider=provider, login_method=kind, username=one.username, password_changed_at=now, **one.details)
        for one in people
    ]
    for user, one in zip(users, people, strict=True):
        passwords.check(one.password, about=passwords.about_user(user))
    hashes = passwords.hashed_all(one.password for one in people)  # slow, so before locking rows
    _begin(provider, by)
    for user, hashed in zip(users, hashes, strict=True):
        user.password = hashed
    _store(users, by)
    return users


def _begin(provider: Provider, by: Actor) -> Provider:
    provider = lock_provider(provider.pk)
    rights.require_office(by, provider.pk)
    rights.require(by, Right.MANAGE_USERS)
    return provider


def _store(users: list[User], by: Actor) -> None:
    now = timezone.now()
    for user in users:
        kinds.check_username(user.username or "")
        user.accepted_at = now
        user.derive()
    _require_free(users)
    try:
        with transaction.atomic():
            User.objects.bulk_create(users, batch_size=1000)
    except IntegrityError:
        _require_free(users)  # taken between the check and the insert
        raise
    changed = ((user, shown(user)) for user in users)
    record_all(Verb.USER_CREATED, changed, by=by, provider_id=users[0].provider_id if users else None)


def _require_free(users: list[User]) -> None:
    """Raise ValidationError when a username or Microsoft account is in use, or occurs twice."""
    keys = [username_key(user.username or "") for user in users]
    if len(set(keys)) < len(keys) or User.objects.filter(username_key__in=keys).exists():
        raise ValidationError(_("This username is taken. Choose another one."), code="taken")
    accounts = {(user.external_tid, user.external_user_id) for user in users if user.is_azure_user}
    ids = [external_user_id for _tid, external_user_id in accounts]
    found = User.objects.filter(external_user_id__in=ids).values_list("external_tid", "external_user_id")
    if len(accounts) < sum(user.is_azure_user for user in users) or accounts & set(found):
        message = _("Another user already has this Microsoft account. Check the User ID.")
        raise ValidationError(message, code="account_taken")
