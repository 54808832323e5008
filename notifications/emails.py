"""The daily e-mail about notifications: at most one per user and day."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from accounts import emails
from accounts.models import User
from notifications.models import NotificationEvent
from outbox.placeholders import EmailText

MAX_LISTED_EVENTS = 25  # events listed in one e-mail


TEMPLATE = "notifications"


def send_digest(
    user: User, notification_events: Sequence[NotificationEvent], own_texts: Mapping[UUID, EmailText]
) -> None:
    """Queue the e-mail; `own_texts` as for `accounts.emails.send`."""
    count = len(notification_events)
    events = sorted(notification_events, key=lambda event: event.event_date)[:MAX_LISTED_EVENTS]
    emails.send(
        TEMPLATE, user, kind="signals", own_texts=own_texts, events=events, count=count, more=count - len(events)
    )
