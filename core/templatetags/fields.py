"""Form fields as rendered next to an error summary."""

from django import forms, template
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def unfocused(field: forms.BoundField) -> SafeString:
    """Render a field without autofocus, which belongs to the error summary."""
    return field.as_widget(attrs={"autofocus": False})
