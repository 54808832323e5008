"""Break opportunities in long words."""

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
_BREAK_PATTERN = re.compile(r"(?<=[@/])(?=.)|(?<=.)(?=\.)", re.S)  # never inside an entity such as &amp;


@register.filter
def breakable(value: str) -> SafeString:
    """Allow a word to break after "@" and "/" and before a dot."""
    return mark_safe(_BREAK_PATTERN.sub("<wbr>", escape(str(value))))  # noqa: S308 escaped
