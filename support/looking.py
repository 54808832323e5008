"""Looking along ("meekijken"): support sees the pages of an office as one of its people does, and changes nothing.

Beginning and end are events of the office, and afterwards its administrators get a mail. Who looks along acts for
nobody: `audit.actors` marks him, and `audit.actions.record` refuses him, so that no change can come of it.
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
    """Begin to look along with `person`, in the helper's own `session`; another look of the helper ends.

    Raises PermissionDenied for anybody but support that says why, ValidationError when the office switched it off
    ("switched_off") or the person has no access now ("no_access").
    """
    provider = lock_provider(person.provider_id)
    helper = rights.require_help(by, Help.LOOK_ALONG, provider.pk)
    person = User.objects.select_related("provider").get(pk=person.pk)
    if not provider.support_may_look:
        raise ValidationError(
            _("This office has switched off that support looks along. Ask an administrator of the office."),
            code="switched_off",
        )
    if not person.may_sign_in:
        raise ValidationError(_("%(name)s has no access now.") % {"name": person.full_name}, code="no_access")
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
    """End a look and mail the office's administrators about it; return False when it had ended already.

    Raises PermissionDenied for anybody but its helper, the operator and the installation itself.
    """
    if not by.is_operator and rights.require_help(by, Help.LOOK_ALONG, look.provider_id) != look.helper:
        raise PermissionDenied(_("Somebody else of support looks along here."))
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
