"""The field for the mobile number that an invitation's code is sent to."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from invitations.phone_numbers import parse_mobile_number


class _MobileNumberInput(forms.TextInput):
    """Text input that carries an unknown number along, so that sending the same number again confirms it."""

    questioned = ""  # the number as typed that this response asks about
    confirmed = ""  # the number as typed that the previous response asked about

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        self.confirmed = data.get(f"{name}-questioned", "")
        return super().value_from_datadict(data, files, name)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        html = super().render(name, value, attrs, renderer)
        if not self.questioned:
            return html
        return html + format_html('<input type="hidden" name="{}-questioned" value="{}">', name, self.questioned)


class MobileNumberField(forms.CharField):
    """A mobile number, cleaned to E.164. A foreign one that may be a fixed line must be sent twice."""

    widget = _MobileNumberInput

    def __init__(self, **kwargs: Any) -> None:
        defaults: dict[str, Any] = {
            "label": _("Mobile number"),
            "error_messages": {"required": _("Enter the mobile number.")},
            "max_length": 30,
            "help_text": _(
                "A Dutch mobile number, or an international one such as +32470123456. It is used only for this"
                " invitation and is not stored with the user."
            ),
            "widget": _MobileNumberInput(attrs={"type": "tel", "autocomplete": "off", "inputmode": "tel"}),
        }
        super().__init__(**(defaults | kwargs))

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if not text:
            return ""
        widget = self.widget
        assert isinstance(widget, _MobileNumberInput)  # noqa: S101
        try:
            return parse_mobile_number(text, confirmed=text == widget.confirmed)
        except ValidationError as error:
            widget.questioned = text if error.code == "mobile_number_unknown" else ""
            raise
