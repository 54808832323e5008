"""The daily e-mail about notifications: at most one per user and day."""

from collections.abc import Sequence

from accounts import emails
from accounts.models import User
from notifications.models import NotificationEvent

MAX_LISTED_EVENTS = 25  # events listed in one e-mail


def send_digest(user: User, notification_events: Sequence[NotificationEvent]) -> None:
    count = len(notification_events)
    events = sorted(notification_events, key=lambda event: event.event_date)[:MAX_LISTED_EVENTS]
    emails.send("notifications", user, kind="signals", events=events, count=count, more=count - len(events))
