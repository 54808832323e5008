"""Parts of forms that every app shares."""

from typing import Any, Protocol, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.text import validate_no_control_characters, validate_no_direction_marks
from core.throttle import Throttled

PLAIN_TEXT_VALIDATORS = [validate_no_control_characters, validate_no_direction_marks]


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
            value = getattr(saved, name)
            if value != self.cleaned_data.get(name):
                plain = ", ".join(map(str, value)) if isinstance(value, list) else value
                shown = _("yes") if value is True else _("no") if value is False else plain or _("empty")
                self.add_error(name, ValidationError(_("Currently saved: %(value)s."), params={"value": shown}))
