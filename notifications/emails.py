"""The daily e-mail about notifications: at most one per user and day, in the office's name, in Dutch."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.emails import send_account_email
from accounts.models import User
from notifications.models import NotificationEvent

MAX_LISTED_EVENTS = 25  # events listed in one e-mail


@translation.override(settings.LANGUAGE_CODE)
def send_digest(user: User, events: Sequence[NotificationEvent]) -> None:
    count = len(events)
    subject = ngettext("%(count)s new notification", "%(count)s new notifications", count) % {"count": count}
    intro = ngettext("You have a new notification:", "You have new notifications:", count)
    lines = [_format_line(event) for event in sorted(events, key=lambda event: event.event_date)[:MAX_LISTED_EVENTS]]
    if count > MAX_LISTED_EVENTS:
        lines.append(_("and %(count)s more") % {"count": count - MAX_LISTED_EVENTS})
    where = _("View them here: %(url)s") % {"url": settings.LOKET_URL + reverse("notifications:notification_list")}
    choice = _("You choose on your profile which notifications you receive by e-mail.")
    send_account_email(user, kind="signals", subject=subject, lines=[intro, "\n".join(lines), where, choice])


def _format_line(event: NotificationEvent) -> str:
    text = f"{event.label}: {event.text}" if event.text else event.label
    return f"- {date_format(event.event_date, 'j F Y')}, {event.employer.name}: {text}"
