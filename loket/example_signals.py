"""Notifications of the first example office. All names are fictional."""

from datetime import timedelta

from django.utils import timezone

import notifications.actions
import notifications.sets
from accounts.models import Provider, User
from audit.actors import Actor, Origin
from notifications.catalogue import SignalType
from notifications.models import Notice
from notifications.wishes import Wish
from teams.models import Employer

# number of the employer, type, days until the event, text
SIGNALS = [
    (1011, SignalType.EMPLOYMENT_START, 5, "S. van Loon"),
    (1005, SignalType.SERVICE_ANNIVERSARY, 12, "25 jaar"),
    (1002, SignalType.FIXED_TERM_END, 41, "T. Willemsen"),
    (1002, SignalType.SICKNESS, 0, "D. Kuipers"),
    (1001, SignalType.IDENTITY_EXPIRES, 30, "M. Haddad"),
    (1001, SignalType.MILESTONE_BIRTHDAY, 3, "60 jaar"),
    (1014, SignalType.CERTIFICATE_EXPIRES, 55, "Kinder-EHBO, L. Mertens"),
]
SET = {
    SignalType.FIXED_TERM_END: Wish(True, 60, False),
    SignalType.SICKNESS: Wish(True, 0, False),
    SignalType.BIRTHDAY: Wish(False, 7, False),
}


def make(office: Provider, *, by: Actor) -> None:
    """Raise events for the teams of `office`, create a set, and apply it to a user who has read some notifications."""
    for number, type_, days, text in SIGNALS:
        employer = Employer.objects.get(provider=office, number=number)
        event_date = timezone.localdate() + timedelta(days=days)
        notifications.actions.raise_signal(office, employer, type_, event_date, text=text, by=by)
    reader = User.objects.get(provider=office, last_name="Hendriks")
    made = notifications.sets.create(office, name="Salarisverwerker", contents=SET, by=by)
    notifications.sets.apply(made, reader, by=by)
    for notice in Notice.objects.filter(user=reader, signal__type=SignalType.FIXED_TERM_END):
        notifications.actions.mark_read(notice, by=Actor(Origin.PAGE, reader.full_name, reader))
