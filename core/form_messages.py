"""Messages of form fields that say what to do, in place of Django's own."""

from typing import Any

from django import forms
from django.core import validators
from django.utils.translation import gettext_lazy as _

_NO_CHOICE = _("This choice is not available. Choose again.")
_CHOICE_MESSAGES = {"required": _("Make a choice."), "invalid_choice": _NO_CHOICE, "invalid_list": _NO_CHOICE}
_FIELD_MESSAGES: dict[type[forms.Field], dict[str, Any]] = {
    forms.Field: {"required": _("Fill this in.")},
    forms.BooleanField: {"required": _("Tick this box.")},
    forms.IntegerField: {"invalid": _("Enter a whole number.")},
    forms.DateField: {"invalid": _("This is not a valid date. Use the format 2030-12-31 or 31-12-2030.")},
    forms.TimeField: {"invalid": _("Enter a time, such as 09:30.")},
    forms.DateTimeField: {"invalid": _("Enter a date and a time, such as 2030-12-31 09:30.")},
    forms.URLField: {"invalid": _("Enter a full address, such as https://example.com/.")},
    forms.UUIDField: {"invalid": _("Enter an ID, such as 0196b2f0-7c1e-7d3a-9b57-2a6f0c1f8e11.")},
    forms.ChoiceField: _CHOICE_MESSAGES,
    forms.MultipleChoiceField: _CHOICE_MESSAGES,
    forms.ModelChoiceField: _CHOICE_MESSAGES,
    forms.ModelMultipleChoiceField: _CHOICE_MESSAGES | {"invalid_pk_value": _NO_CHOICE},
    forms.FileField: {
        **dict.fromkeys(("required", "invalid", "missing"), _("Choose a file.")),
        "empty": _("This file is empty."),
    },
}
_VALIDATOR_MESSAGES: dict[Any, Any] = {
    validators.MaxLengthValidator: _("Use at most %(limit_value)d characters. There are %(show_value)d now."),
    validators.MinLengthValidator: _("Use at least %(limit_value)d characters. There are %(show_value)d now."),
    validators.MaxValueValidator: _("Enter %(limit_value)s or less."),
    validators.MinValueValidator: _("Enter %(limit_value)s or more."),
    validators.EmailValidator: _("Enter a full e-mail address, such as name@example.com."),
    validators.URLValidator: _("Enter a full address, such as https://example.com/."),
    validators.ProhibitNullCharactersValidator: _("Remove the invisible characters."),
}


def replace_messages() -> None:
    """Replace the messages in Django's own classes, before any form is defined: fields copy them."""
    for field, messages in _FIELD_MESSAGES.items():
        field.default_error_messages = field.default_error_messages | messages
    for validator, message in _VALIDATOR_MESSAGES.items():
        validator.message = message
