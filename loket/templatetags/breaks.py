"""Where a long word may go on to the next line."""

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
_PLACES = re.compile(r"(?<=[@/])(?=.)|(?<=.)(?=\.)", re.S)  # not in what escaping makes, such as &amp;


@register.filter
def breakable(value: str) -> SafeString:
    """Return a word that may break after "@" and "/" and before a dot, and nowhere else if it fits so."""
    return mark_safe(_PLACES.sub("<wbr>", escape(str(value))))  # noqa: S308 escaped
