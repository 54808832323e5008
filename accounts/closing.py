"""Closing an office, and opening it again: what nobody of it can do meanwhile follows from `Provider.closed_at`.

`User.is_kept_out` says so to every door, and `teams.resting` to every question about rights. Only what cannot ask is
told here: sessions and tokens end for good, and the messages of the office rest.
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
    """Close an office: nobody of it comes in, nothing goes out; nothing is removed. Return False when it was closed.

    Its administrators are told why, by mail. Raises PermissionDenied for anybody but the operator and support.
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
    """Open an office again, as it was: everybody logs in anew, messages go out. Return False when it was not closed.

    Its administrators are told, by mail. Raises PermissionDenied as `close` does.
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
