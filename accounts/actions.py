"""Actions on offices and users.

Every write goes through an action that takes the actor (`by`), checks permissions and records an audit event in the
same transaction.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, TypedDict

from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import email_changes, letters
from accounts.locks import lock_provider, lock_user
from accounts.models import EmailChange, Provider, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket.text import username_key
from teams import rights
from teams.rights import Help, Right


class Details(TypedDict, total=False):
    """The details of a user that an office can set; limits as in the model fields."""

    initials: str
    first_name: str
    prefix: str
    last_name: str
    email: str
    phone_number: str
    place_of_employment: str
    has_access_to_test_years: bool
    access_until: date | None
    two_factor_required: bool


# Callback that assigns initial teams and rights to a new user, in the same transaction.
Equip = Callable[[User], None]
OWN_FIELDS = frozenset({"initials", "first_name", "prefix", "last_name", "phone_number", "place_of_employment"})


class Stale(Exception):
    """The object was changed by another user since the form was opened."""


@asks(Proof.HALF_HOUR)
@transaction.atomic
def create_provider(name: str, *, two_factor_managers: bool = True, by: Actor) -> Provider:
    """Create an office without users. Administrators must use two-factor unless told otherwise.

    Raises PermissionDenied unless the actor is the operator.
    """
    if not by.is_operator:
        raise PermissionDenied(_("Only the operator can create offices."))
    provider = Provider.objects.create(name=name, two_factor_managers=two_factor_managers)
    changes: dict[str, list[Any]] = {"name": [None, name], "two_factor_managers": [None, two_factor_managers]}
    record(Verb.PROVIDER_CREATED, provider, by=by, provider_id=provider.pk, changes=changes)
    return provider


@asks(Proof.HALF_HOUR)
@transaction.atomic
def change_provider(
    provider: Provider, *, name: str, invitation_days: int, support_may_look: bool, version: int, by: Actor
) -> None:
    """Change the office's name, the validity of invitations in days, and whether support may impersonate its users.

    Raises PermissionDenied without the right to manage the office, Stale when the office was changed meanwhile.
    """
    rights.require_office(by, provider.pk)
    provider = lock_provider(provider.pk)
    rights.require(by, Right.MANAGE_PROVIDER)
    if provider.version != version:
        raise Stale
    wanted = {"name": name, "invitation_days": invitation_days, "support_may_look": support_may_look}
    changes = {field: [getattr(provider, field), value] for field, value in wanted.items()}
    changes = {field: change for field, change in changes.items() if change[0] != change[1]}
    if changes:
        Provider.objects.filter(pk=provider.pk).update(version=version + 1, **wanted)
        record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def change_keeping(provider: Provider, *, erase_after_months: int, checkpoint_addresses: str, by: Actor) -> None:
    """Change the retention period of accounts in months, and the recipients of checkpoints, one address a line.

    Raises PermissionDenied without the right to manage the office.
    """
    rights.require_office(by, provider.pk)
    provider = lock_provider(provider.pk)
    rights.require(by, Right.MANAGE_PROVIDER)
    wanted = {"erase_after_months": erase_after_months, "checkpoint_addresses": checkpoint_addresses}
    changes = {field: [getattr(provider, field), value] for field, value in wanted.items()}
    changes = {field: change for field, change in changes.items() if change[0] != change[1]}
    if changes:
        Provider.objects.filter(pk=provider.pk).update(version=provider.version + 1, **wanted)
        record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


def require_free_username(username: str, *, user: User | None = None) -> None:
    """Raise ValidationError when a user of any office, other than `user`, has this username."""
    holder = User.objects.filter(username_key=username_key(username)).first()
    if holder is not None and holder != user:
        raise ValidationError(_("This username is taken. Choose another one."), code="taken")


def unusable_password() -> str:
    return make_password(None)


def shown(user: User) -> dict[str, list[Any]]:
    """Return the details of a new user as changes for an audit event."""
    names = [*Details.__annotations__, "login_method", "username", "external_tenant", "external_user_id"]
    values = {name: getattr(user, name) for name in names}
    return {name: [None, _plain(value)] for name, value in values.items() if value not in ("", None, False)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool) or value is None else str(value)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def edit(user: User, *, details: Details, email: str, version: int, by: Actor) -> User:
    """Change the details of a user; a different `email` is only requested, see `email_changes`.

    `version` is the one the form was opened with. Raises Stale when the user was changed meanwhile, PermissionDenied
    without the right or authority over the user and for access-related fields of oneself, LastAdministrator when an end
    date would leave the office without an administrator.
    """
    rights.require_office(by, user.provider_id)
    office = lock_provider(user.provider_id)
    rights.require(by, Right.MANAGE_USERS)
    user = _change(user, office, details, version, by)
    if email != user.email:
        email_changes.ask_email_change(user, email, by=by)
    return user


@asks(Proof.NONE)
@transaction.atomic
def edit_profile(user: User, *, details: Details, version: int, by: Actor) -> User:
    """Change the fields that users may change on their own profile. Raises Stale."""
    if by.user is None or by.user.pk != user.pk or not details.keys() <= OWN_FIELDS:
        raise PermissionDenied(_("You can change these fields only on your own profile."))
    return _change(user, lock_provider(user.provider_id), details, version, by)


def _change(user: User, office: Provider, details: Details, version: int, by: Actor) -> User:
    if "email" in details:
        raise ValueError("an address is changed by ask_email_change")
    user = lock_user(user.pk, actor=by.user, office=office)
    if user.version != version:
        raise Stale
    changes = {
        name: [_plain(getattr(user, name)), _plain(value)]
        for name, value in details.items()
        if getattr(user, name) != value
    }
    if not changes:
        return user
    is_own = by.user is not None and by.user.pk == user.pk
    if not is_own or changes.keys() - OWN_FIELDS:
        rights.require_authority_over(by, user)  # names too: colleagues, e-mails and approvals rely on them
    if "two_factor_required" in changes:
        by.require_proof(Proof.FIVE_MINUTES)
    if "access_until" in changes and user.has_ended():
        user.session_version += 1  # else extending access would revive old sessions
    for name in changes:
        setattr(user, name, details[name])  # type: ignore[literal-required]
    user.version += 1
    user.save()
    if "access_until" in changes:
        rights.require_administrator(office)
    record(Verb.USER_CHANGED, user, by=by, provider_id=office.pk, changes=changes)
    return user


@asks(Proof.HALF_HOUR)
@transaction.atomic
def block(user: User, *, by: Actor) -> bool:
    """Block a user and end all sessions; rights become inactive. Return False when already blocked.

    Raises PermissionDenied on oneself or without authority, LastAdministrator when no administrator would be left.
    """
    provider = lock_provider(user.provider_id)
    rights.require_say_over(by, user, Help.BLOCK)
    user.refresh_from_db(from_queryset=User.objects.select_for_update())
    if user.blocked_at is not None:
        return False
    user.blocked_at = timezone.now()
    user.session_version += 1
    user.version += 1
    user.save()
    rights.require_administrator(provider)
    EmailChange.objects.filter(user=user).delete()  # else it could be confirmed after unblocking
    letters.blocked(user)
    record(Verb.USER_BLOCKED, user, by=by, provider_id=provider.pk)
    return True


@asks(Proof.HALF_HOUR)
@transaction.atomic
def unblock(user: User, *, by: Actor) -> bool:
    """Restore access of a blocked user, with the same credentials. Return False when not blocked.

    Raises PermissionDenied on oneself or on a user with more rights.
    """
    lock_provider(user.provider_id)
    rights.require_say_over(by, user, Help.UNBLOCK)
    user.refresh_from_db(from_queryset=User.objects.select_for_update())
    if user.blocked_at is None:
        return False
    user.blocked_at = None
    user.version += 1
    user.save()
    letters.unblocked(user, asker=by)
    record(Verb.USER_UNBLOCKED, user, by=by, provider_id=user.provider_id)
    return True


@asks(Proof.HALF_HOUR)
@transaction.atomic
def send_username(user: User, *, by: Actor) -> None:
    """E-mail the username to its user.

    Raises PermissionDenied without the right or authority over the user, ValidationError when there is no username yet.
    """
    rights.require_office(by, user.provider_id)
    rights.require(by, Right.MANAGE_USERS)
    rights.require_authority_over(by, user)
    if user.username is None:
        raise ValidationError(_("There is no username yet. It is chosen when the invitation is accepted."))
    letters.username(user, asker=by)
    record(Verb.USERNAME_SENT, user, by=by, provider_id=user.provider_id)
