"""Forms for the columns and the saved views of the list of users."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from core.forms import PLAIN_TEXT_VALIDATORS
from users.list_preferences import MAX_COLUMNS, ListColumn


class ColumnsForm(forms.Form):
    columns = forms.MultipleChoiceField(choices=ListColumn.choices, required=False)
    shortcuts = forms.BooleanField(required=False)

    def clean_columns(self) -> list[str]:
        columns: list[str] = self.cleaned_data["columns"]
        if len(columns) > MAX_COLUMNS:
            raise forms.ValidationError(_("Choose at most %(count)d columns."), params={"count": MAX_COLUMNS})
        return columns


class ViewForm(forms.Form):
    name = forms.CharField(
        max_length=30,
        validators=PLAIN_TEXT_VALIDATORS,
        error_messages={
            "required": _("Give the view a name."),
            "max_length": ngettext_lazy(
                "Use at most %(limit_value)d character for the name of the view.",
                "Use at most %(limit_value)d characters for the name of the view.",
                "limit_value",
            ),
        },
    )
