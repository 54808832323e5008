"""Daily delivery of notifications: shown on the day each user prefers, e-mailed once a day, by any number of workers.

The situation on that day counts: users who then have access to the employer and active rights there, and want the type.
A notification event stays open, for users who join or change their preferences later, until no user's day can still
come.
"""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import email_texts
from accounts.models import User
from core import periodic_jobs
from notifications import emails, preferences
from notifications.catalog import MAX_OFFSET_DAYS, NotificationType
from notifications.models import DailyRun, Notification, NotificationEvent
from permissions import grants_sql
from permissions.inactive import EMPLOYER_USERS_SQL
from permissions.products import Product

TIME_BUDGET_SECONDS = 0.5  # seconds, after which no further office is started, so that a worker stops soon
LATE_DELIVERY_WINDOW = timedelta(days=14)  # how long after their day users still get notifications of past events
_TYPES_AFTER_EVENT = [type_ for type_ in NotificationType if type_.after]

# MATERIALIZED: compute the reachable employers once, not once per event.
_DUE_SQL = f"""
WITH person AS MATERIALIZED (
    SELECT DISTINCT user_id, employer_id FROM ({EMPLOYER_USERS_SQL}{{employer}}) reaching
)
SELECT event.id, event.employer_id, person.user_id, COALESCE(own.mail, office.mail)
FROM notifications_notificationevent event
JOIN unnest(%(types)s::text[], %(on)s::boolean[], %(days)s::int[], %(mail)s::boolean[], %(sign)s::int[])
    AS office (type, is_on, days, mail, sign) ON office.type = event.type
JOIN person ON person.employer_id = event.employer_id
LEFT JOIN notifications_notificationsetting own ON own.provider_id = event.provider_id AND own.user_id = person.user_id
    AND own.notification_set_id IS NULL AND own.type = event.type
CROSS JOIN LATERAL (SELECT event.event_date + office.sign * COALESCE(own.days, office.days) AS day) due
WHERE event.provider_id = %(provider)s AND event.closed_on IS NULL
AND event.event_date <= %(today)s + {MAX_OFFSET_DAYS}
AND COALESCE(own.is_on, office.is_on) AND due.day <= %(today)s AND (office.sign < 0 OR due.day >= %(since)s)
AND NOT EXISTS (
    SELECT 1 FROM notifications_notification shown
    WHERE shown.provider_id = event.provider_id AND shown.event_id = event.id AND shown.user_id = person.user_id
){{event}}"""  # noqa: S608


def create_notifications(
    provider_id: UUID, *, today: date, since: date = date.min, event: NotificationEvent | None = None
) -> int:
    """Create the notifications of the office's open events, or of `event` only, for users whose day has come.

    Return their number. For types whose days count after the event, days before `since` are skipped.
    """
    rows = _find_due(provider_id, today, since, event)
    now = timezone.now()
    Notification.objects.bulk_create(
        (
            Notification(
                provider_id=provider_id,
                event_id=event_id,
                employer_id=employer_id,
                user_id=user_id,
                shown_at=now,
                by_mail=mail,
            )
            for event_id, employer_id, user_id, mail in rows
        ),
        batch_size=1000,
    )
    return len(rows)


def _find_due(provider_id: UUID, today: date, since: date, event: NotificationEvent | None) -> list[tuple[Any, ...]]:
    office = preferences.get_office_preferences(provider_id)
    narrowed = {"employer": " AND e.employer_id = %(employer)s", "event": " AND event.id = %(event)s"}
    return grants_sql.fetch_rows(
        _DUE_SQL.format_map(narrowed if event else dict.fromkeys(narrowed, "")),
        provider=provider_id,
        product=Product.SIGNALS.value,
        event=event and event.pk,
        employer=event and event.employer_id,
        today=today,
        since=since,
        types=[type_.value for type_ in office],
        on=[preference.is_on for preference in office.values()],
        days=[preference.days for preference in office.values()],
        mail=[preference.mail for preference in office.values()],
        sign=[1 if type_.after else -1 for type_ in office],
    )


def send_digests(provider_id: UUID, *, today: date) -> int:
    """Queue an e-mail for each user of the office with notifications to e-mail and none sent today; return the number.

    Notifications that were read, or that the user can no longer see, are left out.
    """
    waiting = Notification.objects.filter(provider=provider_id, by_mail=True, mailed_on=None)
    mailed_users = Notification.objects.filter(provider=provider_id, mailed_on=today).values("user")
    turn = waiting.exclude(user__in=mailed_users).select_related("event__employer").order_by("shown_at", "pk")
    reaching = f"SELECT user_id, employer_id FROM ({EMPLOYER_USERS_SQL}) person WHERE user_id = ANY(%(users)s)"  # noqa: S608
    found = list(turn)
    users = list({notice.user_id for notice in found})
    reached = set(
        grants_sql.fetch_rows(reaching, provider=provider_id, product=Product.SIGNALS.value, users=users, today=today)
        if users
        else []
    )
    bundles = defaultdict(list)
    for notice in found:
        if notice.read_at is None and (notice.user_id, notice.employer_id) in reached:
            bundles[notice.user_id].append(notice)
    own_texts = email_texts.find_texts(emails.TEMPLATE, [provider_id])
    for user in User.objects.filter(provider=provider_id, pk__in=bundles).select_related("provider"):
        events = [notice.event for notice in bundles[user.pk] if notice.event]
        emails.send_digest(user, events, own_texts)
    mailed = [notice.pk for notices in bundles.values() for notice in notices]
    Notification.objects.filter(pk__in=mailed).update(mailed_on=today)
    Notification.objects.filter(pk__in={notice.pk for notice in found} - set(mailed)).update(by_mail=False)
    return len(bundles)


def close_expired(provider_id: UUID, *, today: date) -> None:
    """Close the notification events of an office that no user can still be due to see."""
    over = ~Q(type__in=_TYPES_AFTER_EVENT) & Q(event_date__lte=today)
    over |= Q(type__in=_TYPES_AFTER_EVENT, event_date__lte=today - timedelta(days=MAX_OFFSET_DAYS))
    NotificationEvent.objects.filter(over, provider=provider_id, closed_on=None).update(closed_on=today)


def run_daily() -> int:
    """Process the offices that are due or have a new notification event; return their number.

    A periodic job of the worker; stops after `TIME_BUDGET_SECONDS` seconds and continues in the next run. Missed days
    are made up for together.
    """
    due = DailyRun.objects.filter(due_on__lte=timezone.localdate(), provider__suspended_at=None)
    return sum(
        periodic_jobs.process_items(
            _run_office_day,
            due.order_by("due_on", "provider").values_list("pk", flat=True),
            seconds=TIME_BUDGET_SECONDS,
        )
    )


@transaction.atomic
def _run_office_day(provider_id: UUID) -> bool:
    """Process a day of one office, completely or not at all; return False if it was done or another worker has it."""
    today = timezone.localdate()
    rows = DailyRun.objects.select_for_update(skip_locked=True, of=("self",))
    day = rows.filter(pk=provider_id, due_on__lte=today, provider__suspended_at=None).first()
    if day is None:
        return False
    create_notifications(day.provider_id, today=today, since=min(day.due_on, today - LATE_DELIVERY_WINDOW))
    send_digests(day.provider_id, today=today)
    close_expired(day.provider_id, today=today)
    day.due_on = today + timedelta(days=1)
    day.save(update_fields=["due_on"])
    return True
