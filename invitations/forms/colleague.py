"""What an invited person types."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import passwords
from accounts.actions import require_free_username
from accounts.forms.passwords import ChosenPasswordForm
from invitations.models import Invitation
from loket.text import refuse_control_characters, refuse_direction_marks


class InvitationForm(forms.Form):
    """Every form of the invited person names its invitation: another tab may have opened another link since."""

    invitation = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, invitation: Invitation) -> None:
        super().__init__(data, initial={"invitation": invitation.pk})
        self.opened = invitation

    def clean_invitation(self) -> UUID:
        """Raise ValidationError (code "other_invitation") when this browser opened another link since."""
        named: UUID = self.cleaned_data["invitation"]
        if named != self.opened.pk:
            message = _("You have opened another invitation since. Open the link in the mail again.")
            raise ValidationError(message, code="other_invitation")
        return named

    @property
    def names_another(self) -> bool:
        """Whether the form does not name the invitation that is open in this browser."""
        return self.is_bound and "invitation" in self.errors


class CodeForm(InvitationForm):
    """The six digits of the SMS; spaces and dashes between them do not matter."""

    code = forms.CharField(
        label=_("Code"),
        error_messages={"required": _("Fill in the code from the SMS.")},
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "class": "code",
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autofocus": True,
            }
        ),
    )

    def clean_code(self) -> str:
        """Return the digits alone. Raises ValidationError (code "six_digits"), which is not counted as a try."""
        code = re.sub(r"[\s.\-–—]", "", self.cleaned_data["code"])
        if not re.fullmatch("[0-9]{6}", code):
            raise ValidationError(_("The code has six digits, such as 482 913."), code="six_digits")
        return code


class AccountForm(InvitationForm, ChosenPasswordForm):
    """The username and password that somebody chooses on accepting; neither is changed in any way."""

    username = forms.CharField(
        label=_("Username"),
        strip=False,
        error_messages={"required": _("Choose a username.")},
        min_length=3,
        max_length=50,
        validators=[refuse_control_characters, refuse_direction_marks],
        help_text=_("3 to 50 characters. Capitals and small letters make no difference when you log in."),
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    field_order = ("username",)

    def clean_username(self) -> str:
        """Raise ValidationError when the username begins or ends with a space, or is taken."""
        username: str = self.cleaned_data["username"]
        if username != username.strip():
            raise ValidationError(_("Remove the space at the beginning or the end."), code="outer_space")
        require_free_username(username)
        return username

    def about(self) -> passwords.About:
        """Return what is known of the invited person, and the username beside the password."""
        return passwords.about_user(self.opened.user, username=self.data.get("username", ""))
