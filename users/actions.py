"""Actions on offices and users.

Every write goes through an action that takes the actor (`by`), checks permissions and records an audit event in the
same transaction.
"""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import emails
from accounts.locks import lock_provider, lock_user
from accounts.models import EmailChange, Provider, User
from accounts.user_details import UserDetails, to_plain
from audit.actions import record
from audit.actors import Actor, requires_reauthentication
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from permissions import checks
from permissions.checks import Right, SupportAction
from users import email_changes

PROFILE_FIELDS = frozenset({"initials", "first_name", "prefix", "last_name", "phone_number", "place_of_employment"})


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def create_provider(name: str, *, two_factor_managers: bool = True, by: Actor) -> Provider:
    """Create an office without users. Administrators must use two-factor unless told otherwise.

    Raises PermissionDenied unless the actor is the operator.
    """
    if not by.is_operator:
        raise PermissionDenied(_("Only the operator can create offices."))
    provider = Provider.objects.create(name=name, two_factor_managers=two_factor_managers)
    changes: Changes = {"name": [None, name], "two_factor_managers": [None, two_factor_managers]}
    record(Verb.PROVIDER_CREATED, provider, by=by, provider_id=provider.pk, changes=changes)
    return provider


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def change_provider(
    provider: Provider, *, name: str, invitation_days: int, support_may_look: bool, version: int, by: Actor
) -> None:
    """Change the office's name, the validity of invitations in days, and whether support may impersonate its users.

    Raises PermissionDenied without the right to manage the office, EditConflict when the office was changed meanwhile.
    """
    checks.require_office(by, provider.pk)
    provider = lock_provider(provider.pk)
    checks.require_right(by, Right.MANAGE_PROVIDER)
    if provider.version != version:
        raise EditConflict
    wanted = {"name": name, "invitation_days": invitation_days, "support_may_look": support_may_look}
    changes = {field: [getattr(provider, field), value] for field, value in wanted.items()}
    changes = {field: change for field, change in changes.items() if change[0] != change[1]}
    if changes:
        Provider.objects.filter(pk=provider.pk).update(version=version + 1, **wanted)
        record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def change_retention(provider: Provider, *, erase_after_months: int, checkpoint_addresses: str, by: Actor) -> None:
    """Change the retention period of accounts in months, and the recipients of checkpoints, one address a line.

    Raises PermissionDenied without the right to manage the office.
    """
    checks.require_office(by, provider.pk)
    provider = lock_provider(provider.pk)
    checks.require_right(by, Right.MANAGE_PROVIDER)
    wanted = {"erase_after_months": erase_after_months, "checkpoint_addresses": checkpoint_addresses}
    changes = {field: [getattr(provider, field), value] for field, value in wanted.items()}
    changes = {field: change for field, change in changes.items() if change[0] != change[1]}
    if changes:
        Provider.objects.filter(pk=provider.pk).update(version=provider.version + 1, **wanted)
        record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def edit_user(user: User, *, details: UserDetails, email: str, version: int, by: Actor) -> User:
    """Change the details of a user; a different `email` is only requested, see `email_changes`.

    `version` is the one the form was opened with. Raises EditConflict when the user was changed meanwhile,
    PermissionDenied without the right or authority over the user and for access-related fields of oneself,
    LastAdministrator when an end date would leave the office without an administrator.
    """
    checks.require_office(by, user.provider_id)
    office = lock_provider(user.provider_id)
    checks.require_right(by, Right.MANAGE_USERS)
    user = _apply_details(user, office, details, version, by)
    if email != user.email:
        email_changes.request_email_change(user, email, by=by)
    return user


@requires_reauthentication(ReauthenticationLevel.NONE)
@transaction.atomic
def edit_profile(user: User, *, details: UserDetails, version: int, by: Actor) -> User:
    """Change the fields that users may change on their own profile. Raises EditConflict."""
    if by.user is None or by.user.pk != user.pk or not details.keys() <= PROFILE_FIELDS:
        raise PermissionDenied(_("You can change these fields only on your own profile."))
    return _apply_details(user, lock_provider(user.provider_id), details, version, by)


def _apply_details(user: User, office: Provider, details: UserDetails, version: int, by: Actor) -> User:
    if "email" in details:
        raise ValueError("an address is changed by ask_email_change")
    user = lock_user(user.pk, actor=by.user, office=office)
    if user.version != version:
        raise EditConflict
    changes = {
        name: [to_plain(getattr(user, name)), to_plain(value)]
        for name, value in details.items()
        if getattr(user, name) != value
    }
    if not changes:
        return user
    is_own = by.user is not None and by.user.pk == user.pk
    if not is_own or changes.keys() - PROFILE_FIELDS:
        checks.require_authority_over(by, user)  # names too: colleagues, e-mails and approvals rely on them
    if "two_factor_required" in changes:
        by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
    if "access_until" in changes and user.has_ended():
        user.session_version += 1  # else extending access would revive old sessions
    for name in changes:
        setattr(user, name, details[name])  # type: ignore[literal-required]
    user.version += 1
    user.save()
    if "access_until" in changes:
        checks.require_administrator(office)
    record(Verb.USER_CHANGED, user, by=by, provider_id=office.pk, changes=changes)
    return user


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def block_user(user: User, *, by: Actor) -> bool:
    """Block a user and end all sessions; rights become inactive. Return False when already blocked.

    Raises PermissionDenied on oneself or without authority, LastAdministrator when no administrator would be left.
    """
    provider = lock_provider(user.provider_id)
    checks.require_user_management(by, user, SupportAction.BLOCK)
    user.refresh_from_db(from_queryset=User.objects.select_for_update())
    if user.blocked_at is not None:
        return False
    user.blocked_at = timezone.now()
    user.session_version += 1
    user.version += 1
    user.save()
    checks.require_administrator(provider)
    EmailChange.objects.filter(user=user).delete()  # else it could be confirmed after unblocking
    emails.send_account_blocked(user)
    record(Verb.USER_BLOCKED, user, by=by, provider_id=provider.pk)
    return True


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def unblock_user(user: User, *, by: Actor) -> bool:
    """Restore access of a blocked user, with the same credentials. Return False when not blocked.

    Raises PermissionDenied on oneself or on a user with more rights.
    """
    lock_provider(user.provider_id)
    checks.require_user_management(by, user, SupportAction.UNBLOCK)
    user.refresh_from_db(from_queryset=User.objects.select_for_update())
    if user.blocked_at is None:
        return False
    user.blocked_at = None
    user.version += 1
    user.save()
    emails.send_account_unblocked(user, requester=by)
    record(Verb.USER_UNBLOCKED, user, by=by, provider_id=user.provider_id)
    return True


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def send_username(user: User, *, by: Actor) -> None:
    """E-mail the username to its user.

    Raises PermissionDenied without the right or authority over the user, ValidationError when there is no username yet.
    """
    checks.require_office(by, user.provider_id)
    checks.require_right(by, Right.MANAGE_USERS)
    checks.require_authority_over(by, user)
    if user.username is None:
        raise ValidationError(_("There is no username yet. It is chosen when the invitation is accepted."))
    emails.send_username(user, requester=by)
    record(Verb.USERNAME_SENT, user, by=by, provider_id=user.provider_id)
