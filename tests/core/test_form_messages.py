"""Messages of forms say what to do, in both languages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.db import models
from django.urls import get_resolver
from django.utils import translation

from accounts.models import User
from core.forms import OneTimeCodeField
from users.forms.login_methods import NewWebserviceUserForm

OURS = {config.name for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}


class EverythingForm(forms.Form):
    text = forms.CharField(max_length=3)
    short = forms.CharField(min_length=3)
    many = forms.IntegerField(max_value=9)
    few = forms.IntegerField(min_value=2)
    number = forms.IntegerField()
    day = forms.DateField()
    moment = forms.DateTimeField()
    email = forms.EmailField()
    url = forms.URLField(assume_scheme="https")
    identifier = forms.UUIDField()
    choice = forms.ChoiceField(choices=[("a", "A")])
    choices = forms.MultipleChoiceField(choices=[("a", "A")])
    user = forms.ModelChoiceField(queryset=User.objects.none())
    file = forms.FileField()
    agreed = forms.BooleanField()


WRONG = {
    "text": "abcd", "short": "a", "many": "10", "few": "1", "number": "x", "day": "x", "moment": "x", "email": "x",
    "url": "x y", "identifier": "x", "choice": "b", "choices": ["b"], "user": "0196b2f0-7c1e-7d3a-9b57-2a6f0c1f8e11",
}  # fmt: skip
SAID = {
    "text": "Gebruik hoogstens 3 tekens. Het zijn er nu 4.", "short": "Gebruik minstens 3 tekens. Het zijn er nu 1.",
    "many": "Vul 9 of minder in.", "few": "Vul 2 of meer in.", "number": "Vul een heel getal in.",
    "day": "Dit is geen datum. Schrijf 2030-12-31 of 31-12-2030.",
    "moment": "Vul een datum en een tijd in, zoals 31-12-2030 09:30.",
    "email": "Vul een volledig e-mailadres in, zoals naam@kantoor.nl.",
    "url": "Vul een volledig adres in, zoals https://voorbeeld.nl/.",
    "identifier": "Vul een id in, zoals 0196b2f0-7c1e-7d3a-9b57-2a6f0c1f8e11.",
    "choice": "Deze keuze is er niet. Kies opnieuw.", "choices": "Deze keuze is er niet. Kies opnieuw.",
    "user": "Deze keuze is er niet. Kies opnieuw.", "file": "Kies een bestand.", "agreed": "Vink dit aan.",
}  # fmt: skip


def read_errors(form: forms.Form) -> dict[str, str]:
    """Return the only message of each field."""
    return {name: str(message) for name, (message,) in form.errors.items()}


@pytest.mark.django_db
def test_a_wrong_value_gets_a_message_that_says_what_to_do() -> None:
    with translation.override("nl"):
        assert read_errors(EverythingForm(WRONG)) == SAID
        empty = read_errors(EverythingForm({}))
    assert {empty.pop(name) for name in ("choice", "choices", "user")} == {"Maak een keuze."}
    assert (empty.pop("file"), empty.pop("agreed")) == (SAID["file"], SAID["agreed"])
    assert set(empty.values()) == {"Vul dit in."}


def subclasses(form: type[forms.BaseForm]) -> Iterator[type[forms.BaseForm]]:
    for found in form.__subclasses__():
        yield found
        yield from subclasses(found)


def test_no_form_of_ours_speaks_with_djangos_words() -> None:
    """Fields copy the messages, so a form that was defined before these were replaced would keep Django's."""
    assert get_resolver().url_patterns  # loads all forms
    ours = [form for form in subclasses(forms.Form) if not form.__module__.startswith("django")]
    assert len(ours) > 50
    with translation.override("en"):
        fields = [field for form in ours for field in form.base_fields.values()]
        said = {str(text) for field in fields for text in field.error_messages.values()}
    theirs = ("This field is required", "Ensure this", "Select a valid", "Enter a valid", "No file was submitted")
    assert [text for text in said if text.startswith(theirs)] == []


def test_a_new_username_cannot_be_typed_longer_than_allowed() -> None:
    assert NewWebserviceUserForm.base_fields["username"].widget.attrs["maxlength"] == 50


def test_fields_take_no_more_characters_than_the_database() -> None:
    assert get_resolver().url_patterns, "which imports every form"
    fields = [field for model in apps.get_models() if model.__module__.partition(".")[0] in OURS
              for field in model._meta.get_fields()]  # fmt: skip
    limited = {field.name for field in fields if isinstance(field, models.CharField) and field.max_length}
    found = [
        (form.__name__, name, "maxlength" in field.widget.attrs)
        for form in set(subclasses(forms.BaseForm))
        if form.__module__.partition(".")[0] in OURS
        for name, field in getattr(form, "base_fields", {}).items()
        if isinstance(field, forms.CharField) and name in limited
        if isinstance(field.widget, forms.TextInput) and not isinstance(field, OneTimeCodeField)
    ]
    assert len(found) > 20
    assert {(form, name) for form, name, has_limit in found if not has_limit} <= {("LoginForm", "username")}
