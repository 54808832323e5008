"""Fields as a form with errors draws them."""

from django import forms, template
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def unfocused(field: forms.BoundField) -> SafeString:
    """Return a field that leaves the focus to the error summary: one element on a page may ask for it."""
    return field.as_widget(attrs={"autofocus": False})
