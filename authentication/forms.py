"""Forms for signing in and for choosing a password."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import passwords
from accounts.forms.passwords import BaseNewPasswordForm
from accounts.models import User
from accounts.validators import MAX_USERNAME_LENGTH
from authentication.models import PasswordResetToken
from authentication.rate_limits import CURRENT_PASSWORD_LIMIT
from core import throttle
from core.forms import ThrottledError
from core.throttle import Throttled


class LoginForm(forms.Form):
    username = forms.CharField(
        label=_("Username"),
        strip=False,
        error_messages={"required": _("Enter your username.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        error_messages={"required": _("Enter your password.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.validators.clear()  # an impossible value gets the same response as a wrong one

    def clean_username(self) -> str:
        """Return no more than shows that it is too long: the key of 500 KB takes minutes, before any limit counts."""
        username: str = self.cleaned_data["username"]
        return username.strip()[: MAX_USERNAME_LENGTH + 1]


class ForgotPasswordForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=255,
        error_messages={"required": _("Enter your e-mail address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


class _UserForm(forms.Form):
    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user


class NewPasswordForm(_UserForm, BaseNewPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label, self.fields["password_again"].label = (
            _("New password"),
            _("Confirm new password"),
        )

    def clean_password(self) -> str:
        return self.validate_password(passwords.build_password_context(self.user))


class PasswordResetForm(NewPasswordForm):
    """New password through an e-mailed link; the form carries the ID of that link."""

    reset = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, reset: PasswordResetToken, **kwargs: Any) -> None:
        super().__init__(*args, user=reset.user, initial={"reset": reset.pk}, **kwargs)
        self.opened = reset

    def clean_reset(self) -> UUID:
        named: UUID = self.cleaned_data["reset"]
        if named != self.opened.pk:
            message = _("You have since opened another link. Open the link in the e-mail again and use only that page.")
            raise ValidationError(message, code="other_link")
        return named


class CurrentPasswordForm(_UserForm):
    current_password = forms.CharField(
        label=_("Current password"),
        strip=False,
        error_messages={"required": _("Enter your current password.")},
        max_length=passwords.MAX_PASSWORD_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_current_password(self) -> str:
        current: str = self.cleaned_data["current_password"]
        try:
            throttle.consume_attempt(CURRENT_PASSWORD_LIMIT, str(self.user.pk))
        except Throttled as error:
            raise ThrottledError(error) from None
        if not passwords.verify_password(current, self.user.password):
            raise ValidationError(_("This is not your current password."), code="wrong")
        throttle.reset_attempts(CURRENT_PASSWORD_LIMIT, str(self.user.pk))  # also if another field is wrong
        return current


class ChangePasswordForm(NewPasswordForm, CurrentPasswordForm):
    field_order = ["current_password", "password", "password_again"]
