"""Icons: the symbols of static/icons.svg, which the browser fetches once."""

from functools import cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@cache  # a page has dozens of them
def icon(name: str) -> SafeString:
    """Render the symbol `name`. Screen readers skip it: a word beside it, or an `aria-label` around it, names it."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)
