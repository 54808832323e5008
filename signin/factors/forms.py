"""What people type about their second factors."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from loket.text import refuse_control_characters, refuse_direction_marks
from signin.factors.totp import Offer

_LONGEST_NAME = 50


def _name(**options: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Name of the device"),
        max_length=_LONGEST_NAME,
        error_messages={"required": _("Give the device a name.")},
        validators=[refuse_control_characters, refuse_direction_marks],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        **options,
    )


class CodeForm(forms.Form):
    """The six digits that an authenticator app shows; spaces and dashes between them do not matter."""

    code = forms.CharField(
        label=_("Code from the app"),
        error_messages={"required": _("Fill in the code that the app shows.")},
        max_length=20,
        widget=forms.TextInput(
            attrs={"class": "code", "autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": None}
        ),
    )

    def clean_code(self) -> str:
        """Return the digits alone. Raises ValidationError (code "six_digits"), which is not counted as a try."""
        code = re.sub(r"[\s.\-–—]", "", self.cleaned_data["code"])
        if not re.fullmatch("[0-9]{6}", code):
            raise ValidationError(_("The code has six digits, such as 482 913."), code="six_digits")
        return code


class RecoveryForm(forms.Form):
    """A recovery code, as it was written down."""

    code = forms.CharField(
        label=_("Recovery code"),
        error_messages={"required": _("Fill in one of your recovery codes.")},
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )


class NameForm(forms.Form):
    """Another name for a device."""

    name = _name()


class AppForm(CodeForm):
    """A code that proves that an app has the secret which travels sealed in this form."""

    offer = forms.CharField(max_length=300, required=False, widget=forms.HiddenInput)
    name = _name(initial=_("Authenticator app"))

    field_order = ["code", "name"]

    def __init__(self, data: Any = None, *, user: User) -> None:
        opened = Offer.opened(data.get("offer", ""), user) if data else None
        self.offered = opened or Offer.new()
        sealed = self.offered.sealed_for(user)
        self.has_expired = data is not None and opened is None
        if self.has_expired:
            data = data.copy()
            data["offer"] = sealed
        super().__init__(data, initial={"offer": sealed})

    def clean(self) -> dict[str, Any]:
        """Raise ValidationError (code "expired") when the page had been open for too long, or in another account."""
        if self.has_expired:
            raise ValidationError(
                _("This page had been open for too long. Scan the new picture and type the code."), code="expired"
            )
        return self.cleaned_data


class ResetForm(forms.Form):
    """Why somebody's two-factor is taken away."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        error_messages={"required": _("Say why, for who looks back later.")},
        validators=[refuse_control_characters, refuse_direction_marks],
        help_text=_("For example: telephone lost, asked for at the desk."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
