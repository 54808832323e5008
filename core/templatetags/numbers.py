"""Numbers as people read them."""

from django import template
from django.utils.formats import number_format

from core.paging import format_count

register = template.Library()
register.filter("grouped", format_count)


@register.filter
def exact(number: int) -> str:
    """Return any number with thousands grouped, for what is counted to the end."""
    return number_format(number, force_grouping=True)
