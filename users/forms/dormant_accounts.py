"""Form for the thresholds of the account review."""

from django import forms
from django.utils.translation import gettext_lazy as _

from users.dormant_accounts import MAX_THRESHOLD_DAYS, ReviewThresholds


def _build_days_field(label: object) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,  # type: ignore[arg-type]
        min_value=1,
        max_value=MAX_THRESHOLD_DAYS,
        widget=forms.NumberInput(attrs={"class": "short"}),
        error_messages={"required": _("Enter a number from 1 to 3650.")},
    )


class ReviewThresholdsForm(forms.Form):
    days = _build_days_field(_("Days without a login"))
    password_days = _build_days_field(_("Maximum password age in days"))

    @property
    def thresholds(self) -> ReviewThresholds:
        return ReviewThresholds(**self.cleaned_data)
