"""Daily delivery of notifications: shown on the day each user prefers, e-mailed once a day, by any number of workers.

The situation on the day counts: users that reach the employer then, have active rights there and want the type. A
notification event stays open, for users who join or change their preferences later, until no user's day can still come.
"""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from loket import periodic
from notifications import letters, wishes
from notifications.catalogue import MAX_DAYS, SignalType
from notifications.models import Notice, OfficeDay, Signal
from teams import roads
from teams.products import Product
from teams.resting import REACHING

GO = 0.5  # seconds, after which no further office is started, so that a worker stops soon
LATE = timedelta(days=14)  # how long after their day users still get notifications of past events
_AFTER = [type_ for type_ in SignalType if type_.after]

# MATERIALIZED: compute the reachable employers once, not once per event.
_DUE = f"""
WITH person AS MATERIALIZED (
    SELECT DISTINCT user_id, employer_id FROM ({REACHING}{{employer}}) reaching
)
SELECT signal.id, signal.employer_id, person.user_id, COALESCE(own.mail, office.mail)
FROM notifications_signal signal
JOIN unnest(%(types)s::text[], %(on)s::boolean[], %(days)s::int[], %(mail)s::boolean[], %(sign)s::int[])
    AS office (type, is_on, days, mail, sign) ON office.type = signal.type
JOIN person ON person.employer_id = signal.employer_id
LEFT JOIN notifications_signalsetting own ON own.provider_id = signal.provider_id AND own.user_id = person.user_id
    AND own.signal_set_id IS NULL AND own.type = signal.type
CROSS JOIN LATERAL (SELECT signal.event_date + office.sign * COALESCE(own.days, office.days) AS day) due
WHERE signal.provider_id = %(provider)s AND signal.closed_on IS NULL AND signal.event_date <= %(today)s + {MAX_DAYS}
AND COALESCE(own.is_on, office.is_on) AND due.day <= %(today)s AND (office.sign < 0 OR due.day >= %(since)s)
AND NOT EXISTS (
    SELECT 1 FROM notifications_notice shown
    WHERE shown.provider_id = signal.provider_id AND shown.signal_id = signal.id AND shown.user_id = person.user_id
){{signal}}"""  # noqa: S608


def show(provider_id: UUID, *, today: date, since: date = date.min, signal: Signal | None = None) -> int:
    """Create the notifications of the office's open events, or of `signal` only, for users whose day has come.

    Return their number. For types whose days count after the event, days before `since` are skipped.
    """
    rows = _due(provider_id, today, since, signal)
    now = timezone.now()
    Notice.objects.bulk_create(
        (
            Notice(
                provider_id=provider_id,
                signal_id=signal_id,
                employer_id=employer_id,
                user_id=user_id,
                shown_at=now,
                by_mail=mail,
            )
            for signal_id, employer_id, user_id, mail in rows
        ),
        batch_size=1000,
    )
    return len(rows)


def _due(provider_id: UUID, today: date, since: date, signal: Signal | None) -> list[tuple[Any, ...]]:
    office = wishes.office_wishes(provider_id)
    one = {"employer": " AND e.employer_id = %(employer)s", "signal": " AND signal.id = %(signal)s"}
    return roads.fetch(
        _DUE.format_map(one if signal else dict.fromkeys(one, "")),
        provider=provider_id,
        product=Product.SIGNALS.value,
        signal=signal and signal.pk,
        employer=signal and signal.employer_id,
        today=today,
        since=since,
        types=[type_.value for type_ in office],
        on=[wish.is_on for wish in office.values()],
        days=[wish.days for wish in office.values()],
        mail=[wish.mail for wish in office.values()],
        sign=[1 if type_.after else -1 for type_ in office],
    )


def mail(provider_id: UUID, *, today: date) -> int:
    """Queue an e-mail for each user of the office with notifications to e-mail and none sent today; return the number.

    Notifications that were read, or that the user can no longer see, are left out.
    """
    waiting = Notice.objects.filter(provider=provider_id, by_mail=True, mailed_on=None)
    mailed = Notice.objects.filter(provider=provider_id, mailed_on=today).values("user")
    turn = waiting.exclude(user__in=mailed).select_related("signal__employer").order_by("shown_at", "pk")
    reaching = f"SELECT user_id, employer_id FROM ({REACHING}) person WHERE user_id = ANY(%(users)s)"  # noqa: S608
    found = list(turn)
    users = list({notice.user_id for notice in found})
    reached = set(
        roads.fetch(reaching, provider=provider_id, product=Product.SIGNALS.value, users=users, today=today)
        if users
        else []
    )
    bundles = defaultdict(list)
    for notice in found:
        if notice.read_at is None and (notice.user_id, notice.employer_id) in reached:
            bundles[notice.user_id].append(notice)
    for user in User.objects.filter(provider=provider_id, pk__in=bundles).select_related("provider"):
        letters.signals(user, [notice.signal for notice in bundles[user.pk]])
    told = [notice.pk for notices in bundles.values() for notice in notices]
    Notice.objects.filter(pk__in=told).update(mailed_on=today)
    Notice.objects.filter(pk__in={notice.pk for notice in found} - set(told)).update(by_mail=False)
    return len(bundles)


def close(provider_id: UUID, *, today: date) -> None:
    """Close the notification events of an office that no user can still be due to see."""
    over = ~Q(type__in=_AFTER) & Q(event_date__lte=today)
    over |= Q(type__in=_AFTER, event_date__lte=today - timedelta(days=MAX_DAYS))
    Signal.objects.filter(over, provider=provider_id, closed_on=None).update(closed_on=today)


def run_day() -> int:
    """Process the offices that are due, or where a notification event was raised since; return their number.

    A periodic job of the worker; stops after `GO` seconds and continues in the next run. Missed days are caught up at
    once.
    """
    due = OfficeDay.objects.filter(due_on__lte=timezone.localdate(), provider__closed_at=None)
    return sum(periodic.each(_do_day, due.order_by("due_on", "provider").values_list("pk", flat=True), seconds=GO))


@transaction.atomic
def _do_day(provider_id: UUID) -> bool:
    """Do the day of one office, all of it or nothing; return False when it was done or another worker is at it."""
    today = timezone.localdate()
    rows = OfficeDay.objects.select_for_update(skip_locked=True, of=("self",))
    day = rows.filter(pk=provider_id, due_on__lte=today, provider__closed_at=None).first()
    if day is None:
        return False
    show(day.provider_id, today=today, since=min(day.due_on, today - LATE))
    mail(day.provider_id, today=today)
    close(day.provider_id, today=today)
    day.due_on = today + timedelta(days=1)
    day.save(update_fields=["due_on"])
    return True
