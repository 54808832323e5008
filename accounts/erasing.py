"""Erasure of a user (GDPR article 17): the account is deleted, the audit log stays without personal data."""

from datetime import datetime, time, timedelta
from uuid import UUID

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_provider, lock_user
from accounts.models import User
from audit import chain, persons
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from outbox.models import Message
from teams import rights
from teams.rights import Right

_DAYS_A_MONTH = 30.4375


def gone_since(user: User) -> datetime | None:
    """Return when the user's access ended, or None as long as it has not."""
    if user.blocked_at is not None:
        return user.blocked_at
    if user.access_until is not None and user.has_ended():
        return timezone.make_aware(datetime.combine(user.access_until, time.max))
    return None


def refusal(user: User) -> str:
    """Return why the user cannot be erased yet, or ""."""
    since, months = gone_since(user), user.provider.erase_after_months
    if since is None:
        return _("Block the account first, or set an end date and let it pass.")
    if timezone.now() < since + timedelta(days=months * _DAYS_A_MONTH):
        return _("The office keeps the accounts of former users for %(months)d months.") % {"months": months}
    return ""


@asks(Proof.HALF_HOUR)
@transaction.atomic
def erase(user: User, *, by: Actor) -> None:
    """Delete a user with all personal data and destroy the keys that encrypt it in the audit log.

    Raises PermissionDenied without the right to manage the office, on oneself or without authority, ValidationError
    (code "kept") before the office's retention period has passed, User.DoesNotExist when already erased.
    """
    rights.require_office(by, user.provider_id)
    provider = lock_provider(user.provider_id)
    rights.require(by, Right.MANAGE_PROVIDER)
    user = lock_user(user.pk, actor=by.user, office=provider)
    rights.require_authority_over(by, user)
    if why := refusal(user):
        raise ValidationError(why, code="kept")
    id = user.pk
    chain.lock(provider.pk)  # an export that has started has read its keys
    persons.forget(id)
    user.history_key = None  # the key was destroyed
    record(Verb.USER_ERASED, user, by=by, provider_id=provider.pk)
    chain.lengthen(provider.pk)
    _delete(user, id)
    rights.require_administrator(provider)


def _delete(user: User, id: UUID) -> None:
    Session.objects.filter(opened__user=user).delete()
    user.delete()
    Message.objects.filter(user_id=id).delete()
