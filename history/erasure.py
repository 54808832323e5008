"""Erasure of a user (GDPR article 17): the account is deleted, the audit log stays without personal data."""

from datetime import datetime, time, timedelta
from uuid import UUID

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_user
from accounts.models import User
from accounts.sessions import end_sessions
from audit import chain, encryption_keys
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from outbox.models import Message
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right

_DAYS_PER_MONTH = 30.4375


def get_access_ended_at(user: User) -> datetime | None:
    """Return when the user's access ended, or None as long as it has not."""
    if user.blocked_at is not None:
        return user.blocked_at
    if user.access_until is not None and user.has_ended():
        return timezone.make_aware(datetime.combine(user.access_until, time.max))
    return None


def get_erasure_blocker(user: User) -> str:
    """Return why the user cannot be erased yet, or ""."""
    since, months = get_access_ended_at(user), user.office.erase_after_months
    if since is None:
        return _("Block the account first, or set an end date and let it pass.")
    if timezone.now() < since + timedelta(days=months * _DAYS_PER_MONTH):
        return _("The office keeps the accounts of former users for %(months)d months.") % {"months": months}
    return ""


@action()
def erase_user(user: User, *, by: Actor) -> None:
    """Delete a user with all personal data and destroy the keys that encrypt it in the audit log.

    Raises PermissionDenied without the right to manage the office, on oneself or without authority, ValidationError
    (code "kept") before the office's retention period has passed, User.DoesNotExist when already erased.
    """
    provider = lock_and_authorize(user.provider_id, by, Right.MANAGE_PROVIDER)
    user = lock_user(user.pk, actor=by.user, office=provider)
    checks.require_authority_over(by, user)
    if why := get_erasure_blocker(user):
        raise ValidationError(why, code="kept")
    end_sessions(user, by=by)
    user_id = user.pk
    chain.lock_chain(provider.pk)  # an export that has started has read its keys
    encryption_keys.destroy_keys(user_id)
    user.history_key = None  # the key was destroyed
    record(Verb.USER_ERASED, user, by=by, provider_id=provider.pk)
    chain.append_pending(provider.pk)
    _delete_user(user, user_id)
    checks.require_administrator(provider)


def _delete_user(user: User, user_id: UUID) -> None:
    Session.objects.filter(opened__user=user).delete()
    user.delete()
    Message.objects.filter(user_id=user_id).delete()
