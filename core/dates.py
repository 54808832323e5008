"""Moments in text, in the time zone of the offices."""

from datetime import datetime, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext as _


def format_upcoming(at: datetime) -> str:
    """Return from when `at` has passed, in whole minutes: "at 15:20", with the day when that is not today."""
    whole_minute = at.replace(second=0, microsecond=0)
    local = timezone.localtime(whole_minute if whole_minute == at else whole_minute + timedelta(minutes=1))
    days = (local.date() - timezone.localdate()).days
    text = {0: _("at %(clock)s"), 1: _("tomorrow at %(clock)s")}.get(days, _("on %(day)s at %(clock)s"))
    return text % {"day": formats.date_format(local, "j F"), "clock": formats.date_format(local, "H:i")}
