"""Form for the thresholds of the account review."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.hygiene import MOST_DAYS, Measures


def _days(label: object) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,  # type: ignore[arg-type]
        min_value=1,
        max_value=MOST_DAYS,
        widget=forms.NumberInput(attrs={"class": "short"}),
        error_messages={"required": _("Enter a number from 1 to 3650.")},
    )


class MeasuresForm(forms.Form):
    """Days without a sign-in, and days until a password is old."""

    days = _days(_("Days without a login"))
    password_days = _days(_("Maximum password age in days"))

    @property
    def measures(self) -> Measures:
        """The thresholds of a valid form."""
        return Measures(**self.cleaned_data)
