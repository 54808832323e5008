"""What is sent in the browser: a file of people."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bulk.uploads import MOST_BYTES


class UploadForm(forms.Form):
    """A file, and whether invitations go out."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV or XLSX, at most 5 MB."),
        error_messages={"required": _("Choose a file."), "empty": _("There is nothing in this file.")},
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.jsonl,.txt"}),
    )
    invite = forms.BooleanField(
        label=_("Send invitations"),
        required=False,
        initial=True,
        help_text=_("New colleagues via website and SSO get a mail as soon as you apply the plan."),
    )

    def clean_file(self) -> Any:
        """Refuse a file that is too large."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise ValidationError(_("This file is larger than 5 MB. Split it."), code="size")
        return file
