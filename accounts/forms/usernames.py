"""The username of a new account."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.user_lookup import require_free_username
from accounts.validators import MAX_USERNAME_LENGTH, validate_username


def _validate_new_username(username: str) -> None:
    validate_username(username)
    require_free_username(username)


class NewUsernameField(forms.CharField):
    """A free username, kept exactly as typed (seed article). `validate_username` limits its length."""

    def __init__(
        self, *, attrs: dict[str, Any], validators: Sequence[Callable[[str], None]] = (), **options: Any
    ) -> None:
        limits = {"autocapitalize": "none", "spellcheck": "false", "maxlength": MAX_USERNAME_LENGTH}
        widget = forms.TextInput(attrs=limits | attrs)
        super().__init__(
            label=_("Username"), strip=False, validators=[*validators, _validate_new_username], widget=widget, **options
        )
