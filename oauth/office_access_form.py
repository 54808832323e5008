"""The form that assigns an application to teams of the office."""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from oauth.office_access import OfficeAccess
from permissions.forms import OfficeChoiceForm
from permissions.models import Team


class TeamAssignmentForm(OfficeChoiceForm):
    """Who may use an application. `version` is that of the `OfficeAccess` that the form was opened with."""

    access = forms.ChoiceField(
        label=_("Who may use this integration"),
        choices=[("office", _("Everyone in the office")), ("teams", _("Only members of these teams"))],
        widget=forms.RadioSelect,
    )
    teams = forms.ModelMultipleChoiceField(
        label=_("Teams"),
        queryset=Team.objects.order_by("sort_name", "pk"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("One of these teams no longer exists. Choose again.")},
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, user: User, instance: OfficeAccess, **kwargs: Any) -> None:
        access, teams = "teams" if instance.for_teams_only else "office", instance.list_team_ids()
        kwargs["initial"] = {"access": access, "teams": teams, "version": instance.version}
        super().__init__(*args, user=user, **kwargs)

    def clean(self) -> dict[str, Any]:
        """Ask for a team: without one, nobody could use the application."""
        values = cast(dict[str, Any], super().clean())
        if values.get("access") == "teams" and not values.get("teams") and "teams" not in self.errors:
            self.add_error("teams", ValidationError(_("Choose at least one team."), code="required"))
        return values

    @property
    def chosen_teams(self) -> list[Team] | None:
        """The teams, None for everyone in the office. Only for a valid form."""
        return list(self.cleaned_data["teams"]) if self.cleaned_data["access"] == "teams" else None
