"""Parts of forms that every app shares."""

import re
from typing import Any, Protocol, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.text import validate_no_control_characters, validate_no_direction_marks

PLAIN_TEXT_VALIDATORS = [validate_no_control_characters, validate_no_direction_marks]


class OneTimeCodeField(forms.CharField):
    """The six digits of a one-time code; spaces, dots and dashes between them are ignored.

    Anything else raises ValidationError (code "six_digits"), which does not count as an attempt.
    """

    def __init__(self, *, required_message: Promise, attrs: dict[str, Any] | None = None, **options: Any) -> None:
        attrs = {"class": "one-time-code", "autocomplete": "one-time-code", "inputmode": "numeric", **(attrs or {})}
        messages: dict[str, Any] = {"required": required_message}
        super().__init__(max_length=20, error_messages=messages, widget=forms.TextInput(attrs=attrs), **options)

    def clean(self, value: Any) -> str:
        """Return only the digits."""
        code = re.sub(r"[\s.\-–—]", "", super().clean(value))
        if not re.fullmatch("[0-9]{6}", code):
            raise ValidationError(_("The code has six digits, for example 482 913."), code="six_digits")
        return code


class Versioned(Protocol):
    """A row with a version, which every change increments."""

    version: Any

    def refresh_from_db(self) -> None:
        """Read the row again."""


class VersionedForm(forms.Form):
    """Base form for optimistic locking; `version` is the one the form was opened with."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def report_conflict(self, saved: Versioned) -> None:
        """Show the saved value next to each field, keep the input, and allow saving it again."""
        saved.refresh_from_db()
        data = cast(QueryDict, self.data).copy()
        data["version"] = str(saved.version)
        self.data = data
        self.add_error(None, ValidationError(_("Another user changed this in the meantime. Check it and save again.")))
        for name in sorted(self.cleaned_data.keys() - {"version"}):
            value = getattr(saved, name)
            if value != self.cleaned_data.get(name):
                plain = ", ".join(map(str, value)) if isinstance(value, list) else value
                shown = _("yes") if value is True else _("no") if value is False else plain or _("empty")
                self.add_error(name, ValidationError(_("Currently saved: %(value)s."), params={"value": shown}))
