"""Filters of the pages of the history."""

from collections.abc import Mapping
from datetime import date, datetime

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from core.dates import format_short_day
from history.daily_counts import MAX_EVENTS
from history.presenters.act_sentences import format_count

register = template.Library()
register.filter("grouped", format_count)


@register.filter
def long_day(day: date) -> str:
    """Return the weekday and date, after 'today' or 'yesterday' if it is."""
    today = timezone.localdate()
    text = formats.date_format(day, "l j F" if day.year == today.year else "l j F Y")
    near = {0: _("today"), 1: _("yesterday")}.get((today - day).days)
    return capfirst(f"{near}, {text}" if near else text)


@register.filter
def line_moment(at: datetime) -> SafeString:
    """Return a <time> element with day and time: "28 Nov 07:21", with the year if it is another one."""
    local = timezone.localtime(at)
    text = f"{format_short_day(local)} {formats.date_format(local, 'H:i')}"
    exact = formats.date_format(local, "l j F Y H:i:s")
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), exact, text)


@register.filter
def at_day(counts: Mapping[date, int] | None, day: date) -> str:
    """Return the number of a day as text, "" if it is not known."""
    count = counts.get(day, 0) if counts else 0
    return format_count(min(count, MAX_EVENTS)) + ("+" if count > MAX_EVENTS else "") if count else ""
