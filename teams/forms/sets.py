"""Forms of authorization sets."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.forms import PLAIN_TEXT_VALIDATORS
from permissions.checks import Right
from permissions.models import AuthorizationSet
from teams.forms.rights import RightsField
from teams.sets import SetPreview


class AuthorizationSetForm(forms.Form):
    """The name and rights of a set; `version` is the version that the form was opened with, 0 for a new set."""

    name = forms.CharField(label=_("Name"), max_length=50, validators=PLAIN_TEXT_VALIDATORS)
    rights = RightsField(label=_("Rights in the set"))
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, givable: frozenset[Right], instance: AuthorizationSet | None = None, **kwargs: Any):
        held = instance.rights if instance else frozenset()
        kwargs["initial"] = {"name": instance.name if instance else "", "rights": sorted(held)}
        kwargs["initial"]["version"] = instance.version if instance else 0
        super().__init__(*args, **kwargs)
        self.locked_rights = held - givable
        self.fields["rights"].set_choices(givable)  # type: ignore[attr-defined]

    def clean_rights(self) -> frozenset[Right]:
        """Return the chosen rights and those in the set that the administrator cannot remove."""
        return frozenset(Right(code) for code in self.cleaned_data["rights"]) | self.locked_rights


class SetChoiceForm(forms.Form):
    """Choice of a set of the office of `user`."""

    set = forms.ModelChoiceField(
        label=_("Set"), queryset=AuthorizationSet.objects.none(), empty_label=_("Choose a set")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sets = AuthorizationSet.objects.visible_to(user).order_by("name", "pk")
        self.fields["set"].queryset = sets  # type: ignore[attr-defined]


class ApplySetForm(SetChoiceForm):
    """Apply a set. Carries the version of the set and the rights of the target as displayed, to detect changes."""

    version = forms.IntegerField()
    before = forms.CharField(required=False, max_length=2000)

    @property
    def shown(self) -> SetPreview:
        """What the page showed. Only for a valid form."""
        codes = self.cleaned_data["before"].split(",") if self.cleaned_data["before"] else []
        return SetPreview(self.cleaned_data["version"], frozenset(codes))
