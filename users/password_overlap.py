"""The previous password of an SSO/Webservice user, accepted for a while beside the new one: programs switch one by one.

Both hashes have the same salt, so that one verification compares with both (rule 3): refusals take as long as ever.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_user
from accounts.models import User
from accounts.sessions import end_sessions
from audit.actions import record
from audit.actors import Actor, action, build_job_actor
from audit.models import Verb
from core import periodic_jobs
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right

MAX_OVERLAP = timedelta(days=7)
_BATCH_SIZE = 100


def get_overlapping_hash(user: User, overlap_until: datetime | None) -> str:
    """Return the hash of the current password, which is accepted until `overlap_until`; "" without that.

    Raises ValidationError if that is not within a week ("overlap").
    """
    if overlap_until is None or not user.is_webservice_user:
        return ""
    if not timezone.now() < overlap_until <= timezone.now() + MAX_OVERLAP:
        text = _("The old password can work for at most %(days)d days. Choose an earlier moment in the future.")
        raise ValidationError(text % {"days": MAX_OVERLAP.days}, code="overlap")
    return user.password


@action()
def end_previous_password(user: User, *, by: Actor) -> bool:
    """Delete the hash of the previous password, which is refused from now on.

    If a user does so before its end, as after a leak, sessions and tokens end as well. A program with the new password
    gets new ones.

    Return False if it was deleted, or replaced by another one, in the meantime. Raises PermissionDenied without
    authority over the user.
    """
    lock_and_authorize(user.provider_id, by, Right.MANAGE_USERS)
    locked = lock_user(user.pk, actor=by.user)
    checks.require_authority_over(by, locked)
    if not locked.previous_password or locked.previous_password != user.previous_password:
        return False
    locked.previous_password, locked.previous_password_until = "", None
    locked.version += 1
    if by.user is not None:
        end_sessions(locked, by=by)
    locked.save(update_fields=["previous_password", "previous_password_until", "version", "session_version"])
    record(Verb.PREVIOUS_PASSWORD_ENDED, locked, by=by, provider_id=locked.provider_id)
    return True


def end_expired() -> int:
    """Delete the hashes of previous passwords that are no longer accepted; return their number. Periodic job."""
    waiting = User.objects.filter(previous_password_until__lte=timezone.now())
    waiting = waiting.exclude(pk__in=periodic_jobs.list_deferred_items()).order_by("previous_password_until")
    return sum(periodic_jobs.process_items(_end_expired, waiting.values_list("pk", flat=True)[:_BATCH_SIZE]))


def _end_expired(pk: UUID) -> bool:
    user = User.objects.filter(pk=pk, previous_password_until__lte=timezone.now()).first()
    return user is not None and end_previous_password(user, by=build_job_actor("previous_passwords"))
