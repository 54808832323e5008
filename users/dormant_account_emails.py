"""The monthly e-mail about dormant accounts, for subscribed users who may manage users."""

from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone, translation

from accounts import emails
from accounts.models import AccountReviewSubscription, User
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from core import periodic_jobs
from core.access import ReauthenticationLevel
from permissions import checks
from permissions.checks import Right
from users import dormant_accounts
from users.dormant_accounts import ReviewThresholds, get_thresholds

TIME_BUDGET_SECONDS = 0.5  # seconds, after which no further e-mail is started, so that a worker stops soon


@action(ReauthenticationLevel.NONE)
def subscribe(user: User, *, thresholds: ReviewThresholds, by: Actor) -> None:
    """Subscribe, or update the thresholds. Raises PermissionDenied for another user or without manage_users."""
    checks.require_self(by, user.pk)
    checks.require_right(by, Right.MANAGE_USERS)
    first = {"provider": user.office, "due_on": get_next_month_start(timezone.localdate()), **thresholds._asdict()}
    subscription, is_new = AccountReviewSubscription.objects.select_for_update().get_or_create(
        user=user, defaults=first
    )
    old = None if is_new else get_thresholds(subscription)
    if old != thresholds:
        AccountReviewSubscription.objects.filter(user=user).update(**thresholds._asdict())
        changes = {"hygiene_mail": [old and list(old), list(thresholds)]}
        record(Verb.USER_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)


@action(ReauthenticationLevel.NONE)
def unsubscribe(user: User, *, by: Actor) -> bool:
    checks.require_self(by, user.pk)
    subscription = AccountReviewSubscription.objects.select_for_update().filter(user=user).first()
    if subscription is None:
        return False
    subscription.delete()
    changes = {"hygiene_mail": [list(get_thresholds(subscription)), None]}
    record(Verb.USER_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)
    return True


def get_next_month_start(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def send_due_emails() -> int:
    """Send the e-mails that are due and return their number. A periodic job of the worker.

    Stops after `TIME_BUDGET_SECONDS` seconds; the next run continues. Missed months result in one e-mail. Users with
    nothing to review, or without the right, get none.
    """
    due = AccountReviewSubscription.objects.filter(due_on__lte=timezone.localdate()).order_by("due_on", "user")
    return periodic_jobs.process_items(
        _process_subscription, due.values_list("pk", flat=True), seconds=TIME_BUDGET_SECONDS
    ).count(True)


@transaction.atomic
def _process_subscription(pk: UUID) -> bool | None:
    """Return True if an e-mail was queued, None if there was nothing to send, False if it is not due or locked."""
    today = timezone.localdate()
    due = AccountReviewSubscription.objects.filter(pk=pk, due_on__lte=today).select_related("user__provider")
    subscription = due.select_for_update(skip_locked=True, of=("self",)).first()
    if subscription is None:
        return False
    subscription.due_on = get_next_month_start(today)
    subscription.save(update_fields=["due_on"])
    if not checks.has_right(subscription.user, Right.MANAGE_USERS):
        return None
    thresholds = get_thresholds(subscription)
    counts = dormant_accounts.count_users_to_review(User.objects.visible_to(subscription.user), thresholds)
    if not any(counts.values()):
        return None
    with translation.override(subscription.user.office.email_language):
        lists = [(reason.get_title(thresholds), count) for reason, count in counts.items() if count]
    emails.send("dormant_accounts", subscription.user, kind="hygiene", lists=lists)
    return True
