"""Base form for a new password, typed twice."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import passwords


def _build_password_field(label: Any, required: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        error_messages={"required": required},
        max_length=passwords.MAX_PASSWORD_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class BaseNewPasswordForm(forms.Form):
    """A new password, typed twice; a subclass has `clean_password`, which calls `validate_password`."""

    password = _build_password_field(_("Password"), _("Choose a password."))
    password_again = _build_password_field(_("Confirm password"), _("Enter the password again."))

    def validate_password(self, about: passwords.PasswordContext) -> str:
        """Return the password. Raises ValidationError if it is weak, such as built from what `about` holds."""
        password: str = self.cleaned_data["password"]
        passwords.validate_password(password, about=about)
        return password

    def clean_password_again(self) -> str:
        again: str = self.cleaned_data["password_again"]
        if again != self.data.get("password"):
            raise ValidationError(_("The passwords do not match. Enter the password again."), code="mismatch")
        return again
