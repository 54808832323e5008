"""Filters of the history."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from audit.actors import Origin
from audit.models import Verb

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ALL = [("", _("All"))]
_KINDS = [
    ("user", _("User AK")), ("team", _("Team")), ("employer", _("Employer")), ("authorizationset", _("Set")),
    ("externaltenant", _("Azure AD tenant")), ("provider", _("Office")),
]  # fmt: skip


def _day(label: StrOrPromise) -> forms.DateField:
    """Return a field for a day of which the day after exists as well, in every time zone."""
    return forms.DateField(
        label=label,
        required=False,
        validators=[MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2999, 12, 31))],
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )


class HistoryForm(forms.Form):
    """Every field may be empty."""

    person = forms.CharField(label=_("Person"), max_length=100, required=False)
    kind = forms.ChoiceField(label=_("Subject"), choices=[*_ALL, *_KINDS], required=False)
    verb = forms.ChoiceField(label=_("What"), choices=[*_ALL, *Verb.choices], required=False)
    origin = forms.ChoiceField(label=_("Origin"), choices=[*_ALL, *Origin.choices], required=False)
    since = _day(_("From"))
    until = _day(_("Up to"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["label_suffix"] = ""
        super().__init__(*args, **kwargs)
        self.fields["person"].widget.attrs |= {"type": "search", "placeholder": _("Name, username or email")}

    def values(self) -> dict[str, Any]:
        """Return what may be used; a value that was refused counts as empty."""
        if not self.is_bound:
            return dict.fromkeys(self.fields, "")
        self.is_valid()
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}
