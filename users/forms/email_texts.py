"""Forms for the office's texts of e-mails."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from core.pickers import PickerSelect
from outbox.placeholders import (
    MAX_BODY_LENGTH,
    MAX_SUBJECT_LENGTH,
    EmailText,
    Need,
    Placeholder,
    find_missing_names,
    format_name,
    validate_text,
)


class NormalizedTextField(forms.CharField):
    """A multi-line text with normalized line endings: browsers send two characters, which count as one."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n").replace("\r", "\n")


class EmailLanguageForm(forms.Form):
    email_language = forms.ChoiceField(
        label=Provider._meta.get_field("email_language").verbose_name,
        choices=settings.LANGUAGES,
        help_text=_("Of every e-mail that your office sends to its users."),
    )


class EmailTextForm(forms.Form):
    """Subject and body, the user of the preview, and the number of the version when the form was opened."""

    subject = forms.CharField(label=_("Subject"), max_length=MAX_SUBJECT_LENGTH)
    body = NormalizedTextField(
        label=_("Text"),
        max_length=MAX_BODY_LENGTH,
        help_text=_("At most 6000 characters. An empty line starts a new paragraph."),
        widget=forms.Textarea(attrs={"rows": 18}),
    )
    accepted = forms.BooleanField(label=_("Save it like this"), required=False)
    person = forms.ModelChoiceField(
        label=_("Preview for"), queryset=User.objects.none(), empty_label=None, widget=PickerSelect
    )
    version_number = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(
        self, data: Any = None, *, user: User, placeholders: Mapping[str, Placeholder], text: EmailText, number: int
    ) -> None:
        super().__init__(data, initial={**text._asdict(), "person": user.pk, "version_number": number})
        self.placeholders, self.initial_text = placeholders, text
        people = User.objects.visible_to(user).order_by("sort_name", "pk")
        field = cast("forms.ModelChoiceField[User]", self.fields["person"])
        field.queryset, field.label_from_instance = people, lambda obj: obj.list_name  # type: ignore[method-assign]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if {"subject", "body"} <= values.keys():
            validate_text(self.text, self.placeholders)
        return values

    def clean_accepted(self) -> bool:
        """Warn once of what will be added below the link."""
        accepted = bool(self.cleaned_data["accepted"])
        advised = [name for name, placeholder in self.placeholders.items() if placeholder.need == Need.ADVISED]
        missing = find_missing_names(self.cleaned_data.get("body", ""), advised)
        if missing and not accepted and "body" in self.cleaned_data:
            names = ", ".join(map(format_name, missing))
            message = _(
                "This text has no %(names)s, so Loket adds it below the link. Put it where you want it, or tick this."
            )
            raise ValidationError(message, code="advised", params={"names": names})
        return accepted

    @property
    def asks_acceptance(self) -> bool:
        """Whether the text was refused until the user accepts what is added to it."""
        return "accepted" in self.errors or bool(self.cleaned_data.get("accepted")) if self.is_bound else False

    @property
    def text(self) -> EmailText:
        return EmailText(self.cleaned_data["subject"], self.cleaned_data["body"])

    @property
    def shown_text(self) -> EmailText:
        """The text as it was typed, for the preview: also one that cannot be saved."""
        subject, body = (str(self[name].value() or "") for name in EmailText._fields)
        return EmailText(subject[:MAX_SUBJECT_LENGTH], body.replace("\r\n", "\n")[:MAX_BODY_LENGTH])

    def report_conflict(self, number: int) -> None:
        """Keep the input, and allow saving it over the version `number` that was saved in the meantime."""
        self.data = dict(self.data.items()) | {"version_number": number}
        message = _("Another user changed the text in the meantime. Compare it with yours; saving again replaces it.")
        self.add_error(None, ValidationError(message, code="stale"))
