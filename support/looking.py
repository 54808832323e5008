"""Impersonation ("meekijken"): support sees the pages of an office as one of its users, read-only.

Start and end are audit events of the office, and its administrators get an e-mail afterwards. `audit.actors` marks the
actor of an impersonated request, and `audit.actions.record` rejects that actor, so that no change is possible.
"""

from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, Proof, asks, scheduled
from audit.models import Verb
from loket import periodic
from signin.models import OpenSession
from support import letters
from support.models import Look
from teams import rights
from teams.rights import Help


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def start(person: User, *, session: UUID | None, by: Actor) -> Look:
    """Start to impersonate `person` in the support user's own `session`; end any other impersonation of theirs.

    Raises PermissionDenied unless the actor is support with a reason, ValidationError if the office does not allow it
    (code "switched_off") or `person` has no access now ("no_access").
    """
    provider = lock_provider(person.provider_id)
    helper = rights.require_help(by, Help.LOOK_ALONG, provider.pk)
    person = User.objects.select_related("provider").get(pk=person.pk)
    if not provider.support_may_look:
        raise ValidationError(
            _("This office has turned off impersonation by support. Ask an administrator of the office."),
            code="switched_off",
        )
    if not person.may_sign_in:
        raise ValidationError(_("%(name)s currently has no access.") % {"name": person.full_name}, code="no_access")
    for other in Look.objects.begun().filter(helper=helper):
        end(other, by=by)
    look = Look.objects.create(
        provider=provider,
        person=person,
        helper=helper,
        session=OpenSession.objects.filter(pk=session, user=helper).first() if session else None,
        reason=by.reason,
    )
    record(Verb.LOOK_STARTED, person, by=by, provider_id=provider.pk)
    return look


@asks(Proof.NONE)
@transaction.atomic
def end(look: Look, *, by: Actor) -> bool:
    """End an impersonation and e-mail the office's administrators; return False if it had already ended.

    Raises PermissionDenied unless the actor is its support user, the operator or a periodic job.
    """
    if not by.is_operator and rights.require_help(by, Help.LOOK_ALONG, look.provider_id) != look.helper:
        raise PermissionDenied(_("Another support agent is already impersonating a user here."))
    rows = Look.objects.select_for_update(of=("self",)).select_related("provider", "person", "helper")
    look = rows.get(pk=look.pk)
    if look.ended_at is not None:
        return False
    look.ended_at = min(timezone.now(), look.until)
    look.save(update_fields=["ended_at"])
    record(Verb.LOOK_ENDED, look.person, by=by, provider_id=look.provider_id, reason=look.reason)
    for user in rights.able_administrators(look.provider):
        letters.looked_along(user, look)
    return True


def end_over() -> int:
    """End the looks that something else ended, such as their time; return how many. A periodic job of the worker."""
    return sum(periodic.each(_end_if_over, Look.objects.begun()))


def _end_if_over(look: Look) -> bool:
    return not look.goes_on() and end(look, by=scheduled("end_looks"))
