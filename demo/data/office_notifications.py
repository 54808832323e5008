"""Notifications of the first example office. All names are fictional."""

from datetime import timedelta

from django.utils import timezone

import notifications.actions
import notifications.sets
from accounts.models import Provider, User
from audit.actors import Actor, EventOrigin
from notifications.catalog import NotificationType
from notifications.models import Notification
from notifications.preferences import NotificationPreference
from permissions.models import Employer

# number of the employer, type, days until the event, text
EXAMPLE_EVENTS = [
    (1011, NotificationType.EMPLOYMENT_START, 5, "S. van Loon"),
    (1005, NotificationType.SERVICE_ANNIVERSARY, 12, "25 jaar"),
    (1002, NotificationType.FIXED_TERM_END, 41, "T. Willemsen"),
    (1002, NotificationType.SICKNESS, 0, "D. Kuipers"),
    (1001, NotificationType.IDENTITY_EXPIRES, 30, "M. Haddad"),
    (1001, NotificationType.MILESTONE_BIRTHDAY, 3, "60 jaar"),
    (1014, NotificationType.CERTIFICATE_EXPIRES, 55, "Kinder-EHBO, L. Mertens"),
]
EXAMPLE_SET = {
    NotificationType.FIXED_TERM_END: NotificationPreference(True, 60, False),
    NotificationType.SICKNESS: NotificationPreference(True, 0, False),
    NotificationType.BIRTHDAY: NotificationPreference(False, 7, False),
}


def create_example_notifications(office: Provider, *, by: Actor) -> None:
    """Raise events for the teams of `office`, create a set, and apply it to a user who has read some notifications."""
    for number, type_, days, text in EXAMPLE_EVENTS:
        employer = Employer.objects.get(provider=office, number=number)
        event_date = timezone.localdate() + timedelta(days=days)
        notifications.actions.raise_notification_event(office, employer, type_, event_date, text=text, by=by)
    reader = User.objects.get(provider=office, last_name="Hendriks")
    notification_set = notifications.sets.create_set(office, name="Salarisverwerker", contents=EXAMPLE_SET, by=by)
    notifications.sets.apply_set(notification_set, reader, by=by)
    for notice in Notification.objects.filter(user=reader, event__type=NotificationType.FIXED_TERM_END):
        notifications.actions.mark_notification_read(notice, by=Actor(EventOrigin.PAGE, reader.full_name, reader))
