"""Moments in text, in the time zone of the offices."""

from datetime import date, datetime, time, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def format_upcoming(at: datetime) -> str:
    """Return from when `at` has passed, in whole minutes: "at 15:20", with the day when that is not today."""
    whole_minute = at.replace(second=0, microsecond=0)
    local = timezone.localtime(whole_minute if whole_minute == at else whole_minute + timedelta(minutes=1))
    days = (local.date() - timezone.localdate()).days
    text = {0: _("at %(clock)s"), 1: _("tomorrow at %(clock)s")}.get(days, _("on %(day)s at %(clock)s"))
    return text % {"day": formats.date_format(local, "j F"), "clock": formats.date_format(local, "H:i")}


def format_short_moment(at: datetime) -> str:
    """Return when `at` was in the width of a column: "today 09:12", "Mon 16:21", "12 Nov"."""
    local = timezone.localtime(at)
    days = (timezone.localdate() - local.date()).days
    if days in (0, 1):
        clock = {"clock": formats.date_format(local, "H:i")}
        return (_("yesterday %(clock)s") if days else _("today %(clock)s")) % clock
    return formats.date_format(local, "D H:i") if 1 < days < 7 else format_short_day(local)


def format_short_day(day: date | None) -> str:
    """Return "12 Nov", with the year if it is another one; '' for None."""
    if day is None:
        return ""
    is_this_year = day.year == timezone.localdate().year
    return formats.date_format(day, pgettext("date", "j M") if is_this_year else pgettext("date", "j M Y"))


def get_day_start(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
