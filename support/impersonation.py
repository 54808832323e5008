"""Impersonation ("meekijken"): support sees the pages of an office as one of its users, read-only.

Start and end are audit events of the office, and its administrators get an e-mail afterwards. `audit.actors` marks the
actor of an impersonated request, and `audit.actions.record` rejects that actor, so that no change is possible.
"""

from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import emails
from accounts.locks import lock_provider
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, action, build_job_actor
from audit.models import Verb
from authentication.models import UserSession
from core import periodic_jobs
from core.access import ReauthenticationLevel
from permissions import checks
from permissions.checks import SupportAction
from support.models import Impersonation


@action(ReauthenticationLevel.FIVE_MINUTES)
def start_impersonation(user: User, *, session: UUID | None, by: Actor) -> Impersonation:
    """Start impersonating `user` in the support user's own `session`; end any other impersonation of theirs.

    Raises PermissionDenied unless the actor is support with a reason, ValidationError if the office does not allow it
    (code "switched_off") or `user` has no access now ("no_access").
    """
    provider = lock_provider(user.provider_id)
    supporter = checks.require_support_action(by, SupportAction.IMPERSONATE, provider.pk)
    user = User.objects.select_related("provider").get(pk=user.pk)
    if not provider.support_may_look:
        raise ValidationError(
            _("This office has turned off impersonation by support. Ask an administrator of the office."),
            code="switched_off",
        )
    if not user.may_sign_in:
        raise ValidationError(_("%(name)s currently has no access.") % {"name": user.full_name}, code="no_access")
    for other in Impersonation.objects.begun().filter(supporter=supporter):
        end_impersonation(other, by=by)
    impersonation = Impersonation.objects.create(
        provider=provider,
        user=user,
        supporter=supporter,
        session=UserSession.objects.filter(pk=session, user=supporter).first() if session else None,
        reason=by.reason,
    )
    record(Verb.IMPERSONATION_STARTED, user, by=by, provider_id=provider.pk)
    return impersonation


@action(ReauthenticationLevel.NONE)
def end_impersonation(impersonation: Impersonation, *, by: Actor) -> bool:
    """Return False if it had ended. Raises PermissionDenied unless by its support user, the operator or a job."""
    if (
        not by.is_operator
        and checks.require_support_action(by, SupportAction.IMPERSONATE, impersonation.provider_id)
        != impersonation.supporter
    ):
        raise PermissionDenied(_("Another support agent is already impersonating a user here."))
    rows = Impersonation.objects.select_for_update(of=("self",)).select_related("provider", "user", "supporter")
    impersonation = rows.get(pk=impersonation.pk)
    if impersonation.ended_at is not None:
        return False
    impersonation.ended_at = min(timezone.now(), impersonation.until)
    impersonation.save(update_fields=["ended_at"])
    record(
        Verb.IMPERSONATION_ENDED,
        impersonation.user,
        by=by,
        provider_id=impersonation.provider_id,
        reason=impersonation.reason,
    )
    administrators = checks.list_active_administrators(impersonation.provider)
    emails.send("impersonation_ended", *administrators, kind="looked_along", impersonation=impersonation)
    return True


def end_expired_impersonations() -> int:
    """End those that something else ended, such as their time; return their number. A periodic job."""
    return sum(periodic_jobs.process_items(_end_if_expired, Impersonation.objects.begun()))


def _end_if_expired(impersonation: Impersonation) -> bool:
    return not impersonation.is_ongoing() and end_impersonation(impersonation, by=build_job_actor("end_looks"))
