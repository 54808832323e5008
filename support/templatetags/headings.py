"""Row headings for the tables of Django's admin."""

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def row_heading(cell: SafeString) -> SafeString:
    """Add scope="row" to a heading cell that the admin rendered."""
    return mark_safe(cell.replace("<th ", '<th scope="row" ', 1))  # noqa: S308 the admin has escaped what is in it
