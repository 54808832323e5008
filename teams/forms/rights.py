"""Forms of rights, of users and of teams."""

from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.forms import VersionedForm
from permissions.catalog import sort_rights
from permissions.checks import Right
from permissions.models import Team
from permissions.rights_grid import GridContents, RightsField


class RightsForm(forms.Form):
    """Base form for the rights stored in `grid`, of which the administrator can grant and revoke those of `givable`."""

    def __init__(self, *args: Any, grid: GridContents, givable: frozenset[Right], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.grid, self.held, self.givable = grid, grid.stored, givable
        cast(RightsField, self.fields["rights"]).set_choices(givable, grid)

    def clean_rights(self) -> frozenset[Right]:
        """Return the chosen rights and the held ones that the administrator cannot revoke."""
        return frozenset(Right(code) for code in self.cleaned_data["rights"]) | (self.held - self.givable)


class IndividualRightsForm(RightsForm):
    """Individual rights of one user; `before` has the rights that the form showed, to detect concurrent changes."""

    rights = RightsField(label=_("Individual rights"))
    before = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, grid: GridContents, **kwargs: Any) -> None:
        kwargs["initial"] = {"rights": sorted(grid.stored), "before": ",".join(sorted(grid.stored))}
        super().__init__(*args, grid=grid, **kwargs)

    def clean_before(self) -> str:
        before: str = self.cleaned_data["before"]
        if before != ",".join(sorted(self.held)):
            raise forms.ValidationError(
                _("Another user changed these rights in the meantime. Check them and save again."), code="stale"
            )
        return before


class TeamRightsForm(RightsForm, VersionedForm):
    rights = RightsField(label=_("Rights of the team"))

    def __init__(self, *args: Any, team: Team, grid: GridContents, **kwargs: Any) -> None:
        kwargs["initial"] = {"rights": sorted(grid.stored), "version": team.version}
        super().__init__(*args, grid=grid, **kwargs)

    def report_rights_conflict(self, version: int, now: frozenset[Right]) -> None:
        """Report a concurrent change, keep the choices and let the form be submitted again for `version`."""
        data = cast(QueryDict, self.data).copy()
        data["version"] = str(version)
        self.data = data
        text = _("Another user changed this in the meantime. Check it and save again.")
        self.add_error(None, forms.ValidationError(text))
        names = ", ".join(str(right.label) for right in sort_rights(now))
        self.add_error(
            "rights", forms.ValidationError(_("Currently saved: %(value)s."), params={"value": names or _("empty")})
        )
