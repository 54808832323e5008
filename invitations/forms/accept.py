"""Forms of the invited user."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import passwords
from accounts.forms.passwords import BaseNewPasswordForm
from accounts.user_lookup import require_free_username
from accounts.validators import MAX_USERNAME_LENGTH, validate_username
from core.forms import OneTimeCodeField
from core.text import validate_no_direction_marks
from invitations.models import Invitation


class InvitationForm(forms.Form):
    """Base form that names its invitation: another tab may have opened another link since."""

    invitation = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, invitation: Invitation) -> None:
        super().__init__(data, initial={"invitation": invitation.pk})
        self.opened = invitation

    def clean_invitation(self) -> UUID:
        """Raise ValidationError (code "other_invitation") when another link was opened in this browser since."""
        named: UUID = self.cleaned_data["invitation"]
        if named != self.opened.pk:
            message = _("You have since opened another invitation. Open the link in the e-mail again.")
            raise ValidationError(message, code="other_invitation")
        return named

    @property
    def names_other_invitation(self) -> bool:
        return self.is_bound and "invitation" in self.errors


class InvitationCodeForm(InvitationForm):
    code = OneTimeCodeField(
        label=_("Code"), required_message=_("Enter the code from the SMS."), attrs={"autofocus": True}
    )


class AccountForm(InvitationForm, BaseNewPasswordForm):
    """The username and password chosen on acceptance; both are kept exactly as typed."""

    username = forms.CharField(
        label=_("Username"),
        strip=False,
        error_messages={"required": _("Choose a username.")},
        max_length=50,
        validators=[validate_no_direction_marks],
        help_text=_("3 to 50 characters. Not case-sensitive when you log in."),
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    field_order = ("username",)

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        validate_username(username)
        require_free_username(username)
        return username

    def clean_password(self) -> str:
        username = self.data.get("username", "")[:MAX_USERNAME_LENGTH]
        return self.validate_password(passwords.build_password_context(self.opened.user, username=username))
