"""Suspend and reactivate an office: no data is deleted.

`User.is_denied_access` denies access and `permissions.inactive` makes rights inactive as long as
`Provider.suspended_at` is set. The actions here end sessions and tokens for good and pause the office's outgoing
messages.
"""

from django.db.models import F
from django.utils import timezone

import outbox.actions
from accounts import emails
from accounts.locks import lock_provider
from accounts.models import Provider, User
from accounts.sessions import sessions_ended
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from permissions import checks
from permissions.checks import SupportAction


@action()
def suspend_office(provider: Provider, *, by: Actor) -> bool:
    """Return False when already suspended. Raises PermissionDenied unless the actor is the operator or support."""
    provider = lock_provider(provider.pk)
    checks.require_operator_or_support(by, SupportAction.SUSPEND_OFFICE, provider.pk)
    if provider.suspended_at is not None:
        return False
    provider.suspended_at = timezone.now()
    provider.version += 1
    provider.save()
    users = User.objects.filter(provider=provider)
    users.update(session_version=F("session_version") + 1)
    sessions_ended.send(None, users=users, by=by, session_id=None)
    outbox.actions.pause_office(provider.pk)
    administrators = checks.list_active_administrators(provider)
    emails.send("office_suspended", *administrators, kind="office_closed", reason=by.reason)
    record(Verb.PROVIDER_SUSPENDED, provider, by=by, provider_id=provider.pk)
    return True


@action()
def reactivate_office(provider: Provider, *, by: Actor) -> bool:
    """Send paused messages too. Return False when not suspended. Raises as `suspend_office`."""
    provider = lock_provider(provider.pk)
    checks.require_operator_or_support(by, SupportAction.REACTIVATE_OFFICE, provider.pk)
    if provider.suspended_at is None:
        return False
    provider.suspended_at = None
    provider.version += 1
    provider.save()
    outbox.actions.resume_office(provider.pk)
    administrators = checks.list_active_administrators(provider)
    emails.send("office_reactivated", *administrators, kind="office_reopened", reason=by.reason)
    record(Verb.PROVIDER_REACTIVATED, provider, by=by, provider_id=provider.pk)
    return True
