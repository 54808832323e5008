"""Forms for the clean-up of individual rights."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms.people import PLAIN
from accounts.models import User


class PersonForm(forms.Form):
    """Choice of a user of the office of `user`."""

    person = forms.ModelChoiceField(queryset=User.objects.none())

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = User.objects.visible_to(user)  # type: ignore[attr-defined]


class TeamOfGroupForm(forms.Form):
    """Name of a team that replaces individual rights; `group` is the fingerprint of the group of users."""

    name = forms.CharField(label=_("Team name"), max_length=50, validators=PLAIN)
    group = forms.CharField(max_length=64)
