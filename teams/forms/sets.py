"""Forms of authorization sets."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms.people import PLAIN
from accounts.models import User
from teams.forms.rights import RightField
from teams.models import AuthorizationSet
from teams.rights import Right
from teams.sets import Shown


class SetForm(forms.Form):
    """The name and rights of a set; `version` is the version that the form was opened with, 0 for a new set."""

    name = forms.CharField(label=_("Name"), max_length=50, validators=PLAIN)
    rights = RightField(label=_("Rights in the set"))
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, givable: frozenset[Right], changed: AuthorizationSet | None = None, **kwargs: Any):
        held = changed.rights if changed else frozenset()
        kwargs["initial"] = {"name": changed.name if changed else "", "rights": sorted(held)}
        kwargs["initial"]["version"] = changed.version if changed else 0
        super().__init__(*args, **kwargs)
        self.kept = held - givable
        self.fields["rights"].offer(givable)  # type: ignore[attr-defined]

    def clean_rights(self) -> frozenset[Right]:
        """Return the chosen rights and those in the set that the administrator cannot remove."""
        return frozenset(Right(code) for code in self.cleaned_data["rights"]) | self.kept


class ChooseSetForm(forms.Form):
    """Choice of a set of the office of `user`."""

    set = forms.ModelChoiceField(
        label=_("Set"), queryset=AuthorizationSet.objects.none(), empty_label=_("Choose a set")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sets = AuthorizationSet.objects.visible_to(user).order_by("name", "pk")
        self.fields["set"].queryset = sets  # type: ignore[attr-defined]


class ApplySetForm(ChooseSetForm):
    """Application of a set, with what the page showed: the version of the set and the rights of the target."""

    version = forms.IntegerField()
    before = forms.CharField(required=False, max_length=2000)

    @property
    def shown(self) -> Shown:
        """What the page showed. Only for a valid form."""
        codes = self.cleaned_data["before"].split(",") if self.cleaned_data["before"] else []
        return Shown(self.cleaned_data["version"], frozenset(codes))
