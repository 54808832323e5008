"""Suspend and reactivate an office: no data is deleted.

`User.is_kept_out` denies access and `teams.resting` makes rights inactive as long as `Provider.closed_at` is set. The
actions here end sessions and tokens for good and pause the office's outgoing messages.
"""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

import outbox.actions
from accounts import letters
from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from teams import rights
from teams.rights import Help


@asks(Proof.HALF_HOUR)
@transaction.atomic
def close(provider: Provider, *, by: Actor) -> bool:
    """Suspend an office and e-mail its administrators the reason. Return False when already suspended.

    Raises PermissionDenied unless the actor is the operator or support.
    """
    provider = lock_provider(provider.pk)
    rights.require_keeper(by, Help.CLOSE_OFFICE, provider.pk)
    if provider.closed_at is not None:
        return False
    provider.closed_at = timezone.now()
    provider.version += 1
    provider.save()
    User.objects.filter(provider=provider).update(session_version=F("session_version") + 1)
    outbox.actions.pause(provider.pk)
    for user in rights.able_administrators(provider):
        letters.office_closed(user, by.reason)
    record(Verb.PROVIDER_CLOSED, provider, by=by, provider_id=provider.pk)
    return True


@asks(Proof.HALF_HOUR)
@transaction.atomic
def reopen(provider: Provider, *, by: Actor) -> bool:
    """Reactivate an office and e-mail its administrators. Return False when not suspended.

    Users sign in again; paused messages go out. Raises PermissionDenied as `close` does.
    """
    provider = lock_provider(provider.pk)
    rights.require_keeper(by, Help.REOPEN_OFFICE, provider.pk)
    if provider.closed_at is None:
        return False
    provider.closed_at = None
    provider.version += 1
    provider.save()
    outbox.actions.go_on(provider.pk)
    for user in rights.able_administrators(provider):
        letters.office_reopened(user, by.reason)
    record(Verb.PROVIDER_REOPENED, provider, by=by, provider_id=provider.pk)
    return True
