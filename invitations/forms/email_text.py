"""Form for the office's text of the invitation e-mail."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from invitations import email_text
from invitations.email_text import EmailText


class NormalizedTextField(forms.CharField):
    """A multi-line text with normalized line endings: browsers send two characters, which count as one."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n").replace("\r", "\n")


class EmailTextForm(forms.Form):
    """Subject and body, with a hidden fingerprint of the text when the form was opened."""

    subject = forms.CharField(label=_("Subject"), max_length=512)
    body = NormalizedTextField(
        label=_("Text"),
        max_length=6000,
        help_text=_("At most 6000 characters. An empty line starts a new paragraph."),
        widget=forms.Textarea(attrs={"rows": 18}),
    )
    before = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, stored: EmailText) -> None:
        initial = {"subject": stored.subject, "body": stored.body, "before": stored.fingerprint}
        super().__init__(data, initial=initial)
        self.stored = stored

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if "subject" in values and "body" in values:
            email_text.validate_text(values["subject"], values["body"])
        return values

    @property
    def text(self) -> EmailText:
        return EmailText(self.cleaned_data["subject"], self.cleaned_data["body"])

    @property
    def is_stale(self) -> bool:
        return self.is_bound and self.data.get("before") != self.stored.fingerprint

    def accept_saved_text(self) -> None:
        self.data = dict(self.data.items()) | {"before": self.stored.fingerprint}
        message = _("Another user changed the text in the meantime. Compare it with yours; saving again replaces it.")
        self.add_error(None, ValidationError(message, code="stale"))
