"""Forms of the office for invitations."""

from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import LoginMethod, Provider, User
from core.keys import compute_email_key
from core.text import validate_no_control_characters
from invitations import emails
from invitations.forms.mobile_number import MobileNumberField
from outbox.placeholders import MAX_BODY_LENGTH, MAX_SUBJECT_LENGTH, EmailText
from users.forms.email_texts import NormalizedTextField
from users.forms.initial_access import InitialAccessForm
from users.forms.users import WebsiteUserForm, build_user_field


class InviteUserForm(WebsiteUserForm, InitialAccessForm):
    """Step 1: details and initial access, and the text of the e-mail if it differs for this invitation."""

    subject = forms.CharField(
        label=_("Subject"), max_length=MAX_SUBJECT_LENGTH, validators=[validate_no_control_characters]
    )
    body = NormalizedTextField(label=_("Text"), max_length=MAX_BODY_LENGTH, widget=forms.Textarea)

    def __init__(self, *args: Any, standard: EmailText, **kwargs: Any) -> None:
        kwargs["initial"] = {"subject": standard.subject, "body": standard.body} | kwargs.get("initial", {})
        super().__init__(*args, login_method=LoginMethod.WEBSITE_SSO, **kwargs)
        self.standard = standard
        self.fields["email"].help_text = _("The invitation is sent to this address.")

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if "subject" in values and "body" in values:
            try:
                emails.validate_text(EmailText(values["subject"], values["body"]))
            except ValidationError as error:
                self.add_error(None, error)
        return values

    def read_valid_values(self) -> dict[str, Any]:
        """Return the cleaned values of the fields as they are filled in now, without those that are not valid."""
        values = {}
        for name, field in self.fields.items():
            with suppress(ValidationError):
                values[name] = field.clean(self[name].value())
        return values

    @property
    def text(self) -> EmailText | None:
        """The text of this invitation, or None when it equals the office's text."""
        text = EmailText(self.cleaned_data["subject"], self.cleaned_data["body"])
        return None if text == self.standard else text

    @property
    def text_is_expanded(self) -> bool:
        initial = EmailText(str(self["subject"].value()), str(self["body"].value()).replace("\r\n", "\n"))
        return bool(self["subject"].errors or self["body"].errors) or initial != self.standard


class MobileNumberForm(forms.Form):
    mobile_number = MobileNumberField()


class ResendInvitationForm(MobileNumberForm):
    email = build_user_field("email")
    sent = forms.CharField(max_length=40, widget=forms.HiddenInput)

    field_order = ["email", "mobile_number"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        kwargs["initial"] = {"email": user.email, "sent": user.invitation.sent_at.isoformat()}
        super().__init__(*args, **kwargs)


def find_users_with_email(provider: Provider, email: str) -> list[User]:
    """Return at most five users of this office with the same address; never those of other offices."""
    users = User.objects.filter(provider=provider, email_key=compute_email_key(email))
    return list(users.order_by("sort_name", "pk")[:5])
