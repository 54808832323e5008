"""Periodic job that e-mails users before the day from which they need a second factor."""

from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

import outbox.actions
from accounts import emails
from accounts.models import Provider, User
from authentication.mfa import UserWithFactorDue, annotate_factor_due
from authentication.models import MfaReminder
from core import periodic_jobs
from outbox.models import Message

# Days before the due day on which a reminder is sent, and the fewest days left to still send it; after that only the
# next one is sent. After an outage of the worker, or for a due day set late, a reminder goes out as soon as possible.
_REMINDER_STAGES = {7: 2, 1: 1}
EMAIL_KIND = "factor_duty_ahead"


class ReminderItem(NamedTuple):
    provider_id: UUID
    stage: int
    user_id: UUID

    def __str__(self) -> str:
        return f"{self.user_id} {self.stage}"


def send_due_reminders() -> int:
    """Return the number of e-mails; each user gets one per stage, however many workers run this."""
    today = timezone.localdate()
    near = Q(two_factor_from__gt=today, two_factor_from__lte=today + timedelta(days=max(_REMINDER_STAGES)))
    offices = Provider.objects.filter(near | Q(two_factor_days__isnull=False), suspended_at=None).values_list(
        "pk", flat=True
    )
    waiting = (
        ReminderItem(provider_id, stage, pk)
        for provider_id in list(offices)
        for stage in _REMINDER_STAGES
        for pk in list(_filter_unreminded(provider_id, stage).values_list("pk", flat=True))
    )
    return sum(periodic_jobs.process_items(_send_batch, waiting))


@transaction.atomic
def _send_batch(reminder: ReminderItem) -> bool:
    """Remind a user; one whose row is locked, for example by another worker, is left to the next run."""
    provider_id, stage, pk = reminder
    rows = _filter_unreminded(provider_id, stage).filter(pk=pk).select_related("provider")
    user = rows.select_for_update(skip_locked=True, of=("self",)).first()
    if user is None or (due := user.factor_due) is None:
        return False
    _row, is_new = MfaReminder.objects.get_or_create(provider_id=provider_id, user=user, due=due, stage=stage)
    if is_new:  # another worker may have done so between reading and locking
        expires_at = timezone.make_aware(datetime.combine(due, time.min))
        emails.send("two_factor_reminder", user, kind=EMAIL_KIND, expires_at=expires_at, due=due)
    return is_new


def _filter_unreminded(provider_id: UUID, stage: int) -> QuerySet[UserWithFactorDue]:
    """Return users to remind at this stage who were not reminded yet and keep access until the due day."""
    today = timezone.localdate()
    sent = MfaReminder.objects.filter(user=OuterRef("pk"), due=OuterRef("factor_due"), stage=stage)
    users = User.objects.filter(
        provider_id=provider_id, accepted_at__isnull=False, blocked_at=None, second_factor_at=None
    )
    return annotate_factor_due(users).filter(
        ~Exists(sent),
        Q(access_until=None) | Q(access_until__gte=F("factor_due")),
        Q(factor_due__range=(today + timedelta(days=_REMINDER_STAGES[stage]), today + timedelta(days=stage))),
    )


def cancel_reminders(user: User) -> None:
    """Cancel unsent reminders to `user`, who has set up a second factor."""
    mails = Message.objects.pending().filter(provider_id=user.provider_id, user_id=user.pk, kind=EMAIL_KIND)
    for message in mails:
        outbox.actions.cancel_message(message)


def delete_past_reminders() -> None:
    MfaReminder.objects.filter(due__lt=timezone.localdate()).delete()
