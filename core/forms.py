"""Parts of forms that every app shares."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.text import validate_no_control_characters, validate_no_direction_marks
from core.throttle import Throttled

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PLAIN_TEXT_VALIDATORS = [validate_no_control_characters, validate_no_direction_marks]


class FilterForm(forms.Form):
    """Filters of a list, as in its query string: every field may be empty, and an invalid value counts as empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["label_suffix"] = ""
        super().__init__(*args, **kwargs)

    def values(self) -> dict[str, Any]:
        self.is_valid()
        cleaned = getattr(self, "cleaned_data", {})
        return {name: cleaned.get(name) or "" for name in self.fields}


def build_day_field(label: StrOrPromise) -> forms.DateField:
    """Return a date field whose next day is also valid, in every time zone."""
    return forms.DateField(
        label=label,
        required=False,
        validators=[MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2999, 12, 31))],
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )


class OneTimeCodeField(forms.CharField):
    """Six digits of an app or an SMS; spaces, dots and dashes are ignored. Other input is no attempt ("six_digits")."""

    def __init__(self, *, autofocus: bool = False, **options: Any) -> None:
        attrs = {"class": "one-time-code", "autocomplete": "one-time-code", "inputmode": "numeric"}
        super().__init__(widget=forms.TextInput(attrs=attrs | {"autofocus": autofocus}), **options)

    def clean(self, value: Any) -> str:
        code = re.sub(r"[\s.\-–—]", "", super().clean(value))
        if not re.fullmatch("[0-9]{6}", code):
            raise ValidationError(_("The code has six digits, for example 482 913."), code="six_digits")
        return code


class ThrottledError(ValidationError):
    """The message of a Throttled in a form; `seconds` is for the header Retry-After."""

    def __init__(self, error: Throttled) -> None:
        super().__init__(str(error), code="throttled")
        self.seconds = error.seconds


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
            value = self.read_saved(saved, name)
            if value != self.cleaned_data.get(name):
                words = self.describe_saved(name, value)
                self.add_error(name, ValidationError(_("Currently saved: %(value)s."), params={"value": words}))

    def read_saved(self, saved: Any, name: str) -> Any:
        """Return what is saved of a field, to compare it with what was entered."""
        return getattr(saved, name)

    def describe_saved(self, name: str, value: Any) -> Any:
        plain = ", ".join(map(str, value)) if isinstance(value, list) else value
        return _("yes") if value is True else _("no") if value is False else plain or _("empty")
