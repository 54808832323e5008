"""Forms of the invited user."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import passwords
from accounts.forms.passwords import BaseNewPasswordForm
from accounts.user_lookup import require_free_username
from accounts.validators import MAX_USERNAME_LENGTH, validate_username
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
    """The six digits of the SMS; spaces and dashes between them are ignored."""

    code = forms.CharField(
        label=_("Code"),
        error_messages={"required": _("Enter the code from the SMS.")},
        max_length=20,
        widget=forms.TextInput(
            attrs={"class": "one-time-code", "autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )

    def clean_code(self) -> str:
        """Return the digits. Raises ValidationError (code "six_digits"), which does not count as an attempt."""
        code = re.sub(r"[\s.\-–—]", "", self.cleaned_data["code"])
        if not re.fullmatch("[0-9]{6}", code):
            raise ValidationError(_("The code has six digits, for example 482 913."), code="six_digits")
        return code


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
