"""Dates and times in relative form, with the exact value in the title."""

from datetime import date, datetime

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Return a <time> element: 'today 09:12', 'yesterday 23:40', else the date; '' for None."""
    if value is None:
        return ""
    local, today = timezone.localtime(value), timezone.localdate()
    near = {-1: _("yesterday %(clock)s"), 0: _("today %(clock)s"), 1: _("tomorrow %(clock)s")}
    if abs(days := (local.date() - today).days) <= 1:
        text = near[days] % {"clock": formats.date_format(local, "H:i")}
    else:
        text = formats.date_format(local, "j F" if local.year == today.year else "j F Y")
    exact = formats.date_format(local, "l j F Y H:i:s")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="milliseconds"), exact, text
    )


@register.filter
def day(value: date) -> SafeString:
    """Return a <time> element: 'today', 'yesterday', 'tomorrow', else the date."""
    today = timezone.localdate()
    near = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}
    text = near.get((value - today).days) or formats.date_format(value, "j F" if value.year == today.year else "j F Y")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', value.isoformat(), formats.date_format(value, "l j F Y"), text
    )


@register.filter
def coming(value: date | None) -> date | None:
    """Return `value` if it is in the future, otherwise None."""
    return value if value is not None and value > timezone.localdate() else None
