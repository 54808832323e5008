"""Actions on offices and users.

Every write goes through an action that takes the actor (`by`), checks permissions and records an audit event in the
same transaction.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

import outbox.actions
from accounts import emails
from accounts.locks import lock_provider, lock_user
from accounts.logos import OfficeLogo
from accounts.models import EmailChange, Provider, User
from accounts.sessions import end_sessions, sessions_ended
from accounts.user_details import UserDetails, get_changes
from audit.actions import record, record_many
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Event, Verb
from authentication.mfa.reminders import EMAIL_KIND
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from core.keys import compute_email_key
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right, SupportAction
from users import email_changes
from users.filters import build_without_factor_condition

_REMINDER_INTERVAL = timedelta(days=1)
PROFILE_FIELDS = frozenset({"initials", "first_name", "prefix", "last_name", "phone_number", "place_of_employment"})


@action()
def create_provider(name: str, *, two_factor_managers: bool = True, by: Actor) -> Provider:
    """Create an office without users. Raises PermissionDenied unless the actor is the operator."""
    if not by.is_operator:
        raise PermissionDenied(_("Only the operator can create offices."))
    provider = Provider.objects.create(name=name, two_factor_managers=two_factor_managers)
    changes: Changes = {"name": [None, name], "two_factor_managers": [None, two_factor_managers]}
    record(Verb.PROVIDER_CREATED, provider, by=by, provider_id=provider.pk, changes=changes)
    return provider


@action()
def change_provider(
    provider: Provider, *, name: str, invitation_days: int, support_may_look: bool, version: int, by: Actor
) -> None:
    """Raises PermissionDenied without manage_provider, EditConflict after a concurrent change."""
    change_office(provider, by, version, name=name, invitation_days=invitation_days, support_may_look=support_may_look)


@action()
def change_retention(provider: Provider, *, erase_after_months: int, checkpoint_addresses: str, by: Actor) -> None:
    """Raises PermissionDenied without manage_provider. `checkpoint_addresses` has one address per line."""
    change_office(provider, by, erase_after_months=erase_after_months, checkpoint_addresses=checkpoint_addresses)


@action()
def set_logo(provider: Provider, logo: OfficeLogo | None, *, by: Actor) -> None:
    """Replace the logo of the office, or remove it without `logo`. Raises PermissionDenied without manage_provider."""
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    stored = OfficeLogo.objects.defer("png").filter(provider=provider).first()
    digests = [row and row.digest for row in (stored, logo)]
    if digests[0] == digests[1]:
        return
    if logo is None:
        OfficeLogo.objects.filter(provider=provider).delete()
    else:
        logo.provider = provider
        logo.save()
    record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes={"logo": digests})


def change_office(provider: Provider, by: Actor, version: int | None = None, **values: Any) -> None:
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    if version not in (None, provider.version):
        raise EditConflict
    if changes := get_changes(provider, values):
        for name in changes:
            setattr(provider, name, values[name])
        provider.version += 1
        provider.save(update_fields=[*changes, "version"])
        record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@action()
def edit_user(user: User, *, details: UserDetails, email: str, version: int, by: Actor) -> User:
    """Change the details of a user; a different `email` is only requested, see `email_changes`.

    `version` is the one the form was opened with. Raises EditConflict when the user was changed in the meantime,
    PermissionDenied without the right or authority over the user and for access-related fields of oneself,
    LastAdministrator when an end date would leave the office without an administrator.
    """
    office = lock_and_authorize(user.provider_id, by, Right.MANAGE_USERS)
    user = _lock_unchanged_user(user, office, version, by)
    _apply_details([user], details, office, by)
    if compute_email_key(email) != user.email_key:
        email_changes.request_email_change(user, email, by=by)
    return user


@action()
def edit_users(users: Sequence[User], *, details: UserDetails, by: Actor) -> list[User]:
    """As `edit_user` for users of one office, all or none, with a fixed number of queries and without versions."""
    if not _require_office(users, by):
        return []
    office = lock_and_authorize(users[0].provider_id, by, Right.MANAGE_USERS)
    users = _lock_users(users, office)
    _apply_details(users, details, office, by)
    return users


@action(ReauthenticationLevel.NONE)
def edit_profile(user: User, *, details: UserDetails, version: int, by: Actor) -> User:
    checks.require_self(by, user.pk)
    if not details.keys() <= PROFILE_FIELDS:
        raise PermissionDenied(_("Only an administrator can change this."))
    office = lock_provider(user.provider_id)
    user = _lock_unchanged_user(user, office, version, by)
    _apply_details([user], details, office, by)
    return user


def _lock_unchanged_user(user: User, office: Provider, version: int, by: Actor) -> User:
    user = lock_user(user.pk, actor=by.user, office=office)
    if user.version != version:
        raise EditConflict
    return user


def _lock_users(users: Iterable[User], office: Provider, **conditions: Any) -> list[User]:
    """Return those of `users` that meet `conditions`, locked. Raises PermissionDenied for those of another office."""
    if any(user.provider_id != office.pk for user in users):
        raise PermissionDenied(_("This user does not belong to your office."))
    rows = User.objects.select_for_update().filter(provider=office, pk__in=[user.pk for user in users], **conditions)
    locked = list(rows.order_by("pk"))
    for user in locked:
        user.provider = office
    return locked


def _apply_details(users: Sequence[User], details: UserDetails, office: Provider, by: Actor) -> None:
    if "email" in details:
        raise ValueError("an address is changed by request_email_change")
    changes_by_user = {user: changes for user in users if (changes := get_changes(user, details))}
    if not changes_by_user:
        return
    changed_fields = {name for changes in changes_by_user.values() for name in changes}
    own = by.user and by.user.pk
    others = [user for user, changes in changes_by_user.items() if user.pk != own or changes.keys() - PROFILE_FIELDS]
    if others:
        checks.require_authority_over(by, *others)  # names too: colleagues, e-mails and approvals rely on them
    if "two_factor_required" in changed_fields:
        by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
    dated = [user for user, changes in changes_by_user.items() if "access_until" in changes]
    ended = {user for user in dated if user.has_ended()}
    for user, changes in changes_by_user.items():
        for name in changes:
            setattr(user, name, details[name])  # type: ignore[literal-required]
        user.version += 1
    signed_out = ended.union(user for user in dated if user.has_ended())  # extending access revives no session
    end_sessions(*signed_out, by=by)
    values = {name: value for name, value in details.items() if name in changed_fields}
    _save_users(list(changes_by_user), signed_out, values)
    if "access_until" in changed_fields:
        checks.require_administrator(office)
    record_many(Verb.USER_CHANGED, changes_by_user.items(), by=by, provider_id=office.pk)


def _save_users(users: list[User], signed_out: Collection[User], values: dict[str, Any]) -> None:
    """Save the `values` of `users`, which they have now; those of `signed_out` have a new session version as well."""
    if len(users) == 1:
        users[0].save()
    elif PROFILE_FIELDS.isdisjoint(values):
        _update_users(users, **values)
        if signed_out:
            User.objects.filter(pk__in=[user.pk for user in signed_out]).update(
                session_version=F("session_version") + 1
            )
    else:
        # Keys of names differ. One quick statement: that of bulk_update() has a CASE with every user for each field.
        fields = [*values, "session_version", "version"]
        User.objects.bulk_create(
            users, batch_size=1000, update_conflicts=True, unique_fields=["id"], update_fields=fields
        )


@action()
def block_user(user: User, *, by: Actor) -> bool:
    return bool(_block_users([user], by))


@action()
def block_users(users: Sequence[User], *, by: Actor) -> list[User]:
    """Block users of one office, all or none, and end their sessions; rights become inactive.

    Return those not blocked before. Makes a fixed number of queries. Raises PermissionDenied for support, on oneself
    or without authority over each of them, LastAdministrator when no administrator would be left.
    """
    return _block_users(users, by) if _require_office(users, by) else []


def _block_users(users: Sequence[User], by: Actor) -> list[User]:
    office, users = _lock_managed_users(users, by, SupportAction.BLOCK, blocked_at=None)
    if users:
        _update_users(users, blocked_at=timezone.now(), session_version=F("session_version") + 1)
        sessions_ended.send(None, users=users, by=by, session_id=None)
        checks.require_administrator(office)
        EmailChange.objects.filter(user__in=users).delete()  # else it could be confirmed after unblocking
        outbox.actions.cancel_emails("invitation", [user.pk for user in users], provider_id=office.pk)
        emails.send("account_blocked", *users, kind="blocked")
        record_many(Verb.USER_BLOCKED, ((user, {}) for user in users), by=by, provider_id=office.pk)
    return users


@action()
def unblock_user(user: User, *, by: Actor) -> bool:
    return bool(_unblock_users([user], by))


@action()
def unblock_users(users: Sequence[User], *, by: Actor) -> list[User]:
    """Restore access of blocked users of one office, all or none, with the same credentials.

    Return those blocked before. Makes a fixed number of queries. Raises PermissionDenied for support, on oneself or
    without authority over each of them, MessageLimitReached when too many messages were sent.
    """
    return _unblock_users(users, by) if _require_office(users, by) else []


def _unblock_users(users: Sequence[User], by: Actor) -> list[User]:
    office, users = _lock_managed_users(users, by, SupportAction.UNBLOCK, blocked_at__isnull=False)
    if users:
        _update_users(users, blocked_at=None)
        emails.send("account_unblocked", *users, kind="unblocked", requester=by)
        record_many(Verb.USER_UNBLOCKED, ((user, {}) for user in users), by=by, provider_id=office.pk)
    return users


def _require_office(users: Sequence[User], by: Actor) -> bool:
    """Return whether there are users. Raises PermissionDenied for those of another office, and for support."""
    for user in users:
        checks.require_office(by, user.provider_id)
    return bool(users)


def _lock_managed_users(
    users: Sequence[User], by: Actor, support_action: SupportAction, **conditions: Any
) -> tuple[Provider, list[User]]:
    """Return the office and those of `users` that meet `conditions`, all locked. Raises PermissionDenied."""
    office = lock_provider(users[0].provider_id)
    checks.require_user_management(by, users[0], support_action)
    if len(users) > 1:
        checks.require_authority_over(by, *users)
    return office, _lock_users(users, office, **conditions)


def _update_users(users: list[User], **values: Any) -> None:
    rows = User.objects.filter(pk__in=[user.pk for user in users])
    rows.update(**values, version=F("version") + 1)


@action()
def send_username(user: User, *, by: Actor) -> None:
    """Raises PermissionDenied without the right or authority over the user, ValidationError without a username."""
    checks.require_office(by, user.provider_id)
    checks.require_right(by, Right.MANAGE_USERS)
    checks.require_authority_over(by, user)
    if user.username is None:
        raise ValidationError(_("There is no username yet. It is chosen when the invitation is accepted."))
    emails.send("username", user, kind="username", requester=by)
    record(Verb.USERNAME_SENT, user, by=by, provider_id=user.provider_id)


@action()
def remind_of_two_factor(user: User, *, by: Actor) -> None:
    """E-mail a user who can set up two-factor and has not, at most once a day.

    Raises PermissionDenied without the right or authority over the user, ValidationError if there is nothing to ask.
    """
    checks.require_office(by, user.provider_id)
    checks.require_right(by, Right.MANAGE_USERS)
    checks.require_authority_over(by, user)
    user = lock_user(user.pk, actor=by.user)
    if not User.objects.filter(build_without_factor_condition(), pk=user.pk).exists():
        raise ValidationError(_("This user has two-factor already, or does not log in with a password on the website."))
    reminded = Event.objects.filter(provider_id=user.provider_id, target_id=user.pk, verb=Verb.TWO_FACTOR_REMINDED)
    if reminded.filter(at__gt=timezone.now() - _REMINDER_INTERVAL).exists():
        raise ValidationError(_("A reminder was sent less than a day ago."))
    emails.send("two_factor_request", user, kind=EMAIL_KIND, requester=by)
    record(Verb.TWO_FACTOR_REMINDED, user, by=by, provider_id=user.provider_id)
