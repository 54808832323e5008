"""Forms of authorization sets."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm
from permissions.catalog import sort_rights
from permissions.checks import Right
from permissions.forms import OfficeChoiceForm
from permissions.models import AuthorizationSet
from permissions.rights_grid import GridContents, RightsField
from teams.sets import SetPreview


class AuthorizationSetForm(VersionedForm):
    """The name and rights of a set; version 0 is that of a new one."""

    name = forms.CharField(label=_("Name"), max_length=50, validators=PLAIN_TEXT_VALIDATORS)
    rights = RightsField(label=_("Rights in the set"))

    def __init__(self, *args: Any, givable: frozenset[Right], instance: AuthorizationSet | None, **kwargs: Any) -> None:
        held = instance.rights if instance else frozenset()
        kwargs["initial"] = {
            "name": instance.name if instance else "",
            "version": instance.version if instance else 0,
            "rights": sorted(held),
        }
        super().__init__(*args, **kwargs)
        self.locked_rights = sort_rights(held - givable)  # which the administrator cannot remove
        grid = GridContents(stored=held, marks_changes=instance is not None)
        cast(RightsField, self.fields["rights"]).set_choices(givable, grid)

    @property
    def contents(self) -> frozenset[Right]:
        return frozenset(Right(code) for code in self.cleaned_data["rights"]) | frozenset(self.locked_rights)


class SetChoiceForm(OfficeChoiceForm):
    set = forms.ModelChoiceField(
        label=_("Set"), queryset=AuthorizationSet.objects.order_by("name", "pk"), empty_label=_("Choose a set")
    )


class ApplySetForm(SetChoiceForm):
    """Apply a set. Carries the version of the set and the rights of the target as displayed, to detect changes."""

    version = forms.IntegerField()
    before = forms.CharField(required=False, max_length=2000)

    @property
    def shown(self) -> SetPreview:
        codes = self.cleaned_data["before"].split(",") if self.cleaned_data["before"] else []
        return SetPreview(self.cleaned_data["version"], frozenset(codes))
