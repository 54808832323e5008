"""Numbers as people read them."""

from django import template

from core.paging import format_count

register = template.Library()
register.filter("grouped", format_count)
