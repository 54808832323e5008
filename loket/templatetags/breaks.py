"""Where a long word may go on to the next line."""

import re

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def breakable(value: str) -> SafeString:
    """Return a word that may break after "@" and "/" and before a dot, and nowhere else if it fits so."""
    parts = re.split(r"(?<=[@/])|(?=\.)", value)
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in parts if part))
