"""Input about individual rights that need not be."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms.people import PLAIN
from accounts.models import User


class PersonForm(forms.Form):
    """Which person of the office of `user`."""

    person = forms.ModelChoiceField(queryset=User.objects.none())

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = User.objects.visible_to(user)  # type: ignore[attr-defined]


class TeamOfGroupForm(forms.Form):
    """The name of a team that is to replace the individual rights of a group, named by `group`."""

    name = forms.CharField(label=_("Name of the team"), max_length=50, validators=PLAIN)
    group = forms.CharField(max_length=64)
