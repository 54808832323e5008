"""Initial access of a new user; part of the form of each login method."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import LoginMethod, User
from core.pickers import PickerCheckboxes
from notifications.models import NotificationSet
from permissions import checks
from permissions.catalog import sort_rights
from permissions.checks import Right
from permissions.models import AuthorizationSet, Team
from permissions.rights_grid import RightsField
from teams.forms.teams import render_team_label
from teams.initial_access import preview_set
from teams.queries import annotate_counts

MAX_TEAMS_SHOWN = 250
FIELD_NAMES = ("teams", "authorization_set", "rights", "signal_set")


def collect_initial_access(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `assign_initial_access` among the cleaned values of an InitialAccessForm."""
    return {
        "teams": list(values.get("teams", [])),
        "authorization_set": values.get("authorization_set"),
        "individual": sort_rights(values.get("rights", [])),
    }


class _SetChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        names = ", ".join(str(right.label) for right in sort_rights(obj.rights))
        return format_html('<span>{}<span class="detail">{}</span></span>', obj.name, names)


class InitialAccessForm(forms.Form):
    """Teams, an authorization set, individual rights and notifications that `requester` may give to a new user.

    A field without choices is left out, and a request that contains it anyway is invalid.
    """

    teams = forms.ModelMultipleChoiceField(
        label=_("Teams"), queryset=Team.objects.none(), required=False, widget=PickerCheckboxes
    )
    authorization_set = _SetChoiceField(
        label=_("Authorization set"),
        queryset=AuthorizationSet.objects.none(),
        required=False,
        blank=True,
        empty_label=_("No set"),
        widget=forms.RadioSelect,
        help_text=_("The rights of the set become individual rights, except those that the chosen teams give."),
    )
    rights = RightsField(label=_("Individual rights"))
    signal_set = forms.ModelChoiceField(
        label=pgettext_lazy("told", "Notifications"),
        queryset=NotificationSet.objects.none(),
        required=False,
        empty_label=_("The office notifications"),
        widget=forms.RadioSelect,
        help_text=_("The set overrides only the notifications it contains; all others follow the office."),
    )

    def __init__(self, *args: Any, requester: User, login_method: LoginMethod, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        givable = checks.get_grantable_rights(requester)
        never = checks.get_impossible_rights(login_method)
        if Right.MANAGE_TEAMS in givable:
            self._offer_teams(requester, givable, never)
        else:
            self._leave_out("teams")
        if Right.GRANT_RIGHTS in givable:
            self._offer_rights(requester, givable - never)
        else:
            self._leave_out("authorization_set", "rights")
        notification_sets = NotificationSet.objects.visible_to(requester).order_by("name", "pk")
        if Right.MANAGE_SIGNALS in givable and notification_sets:
            cast(Any, self.fields["signal_set"]).queryset = notification_sets
        else:
            self._leave_out("signal_set")

    def _leave_out(self, *names: str) -> None:
        for name in names:
            del self.fields[name]

    def _offer_teams(self, requester: User, givable: frozenset[Right], never: frozenset[Right]) -> None:
        teams = Team.objects.visible_to(requester).exclude(pk__in=checks.find_ungrantable_teams(requester, givable))
        teams = teams.exclude(rights__right__in=never)
        rows = list(annotate_counts(teams).order_by("sort_name", "pk")[: MAX_TEAMS_SHOWN + 1])
        if not rows:
            self._leave_out("teams")
            return
        field = cast(Any, self.fields["teams"])
        field.queryset = teams
        field.widget.choices = [(team.pk, render_team_label(team)) for team in rows[:MAX_TEAMS_SHOWN]]
        if len(rows) > MAX_TEAMS_SHOWN:
            field.help_text = _("Not all teams fit here. You can add the others later, on the user's page.")

    def _offer_rights(self, requester: User, givable: frozenset[Right]) -> None:
        cast(RightsField, self.fields["rights"]).set_choices(givable)
        sets = AuthorizationSet.objects.visible_to(requester).order_by("name", "pk")
        grantable = [row.pk for row in sets if row.rights <= givable]
        if grantable:
            cast(_SetChoiceField, self.fields["authorization_set"]).queryset = sets.filter(pk__in=grantable)
        else:
            self._leave_out("authorization_set")

    def clean(self) -> dict[str, Any]:
        """Reject values for fields that were left out; such a request does not come from this form."""
        super().clean()
        if any(name in self.data for name in FIELD_NAMES if name not in self.fields):
            message = _("You cannot assign teams, rights or notifications. Ask an administrator who can.")
            self.add_error(None, ValidationError(message, code="not_offered"))
        return self.cleaned_data

    @property
    def initial_access(self) -> dict[str, Any]:
        return collect_initial_access(self.cleaned_data)

    @property
    def notification_set(self) -> NotificationSet | None:
        return self.cleaned_data.get("signal_set")

    @property
    def summary(self) -> dict[str, Any]:
        """What the new user gets, for the page that asks; `set_difference` is what the set adds to the teams."""
        access, chosen = self.initial_access, self.cleaned_data.get("authorization_set")
        difference = preview_set(chosen, access["teams"]) if chosen else None
        return access | {"notification_set": self.notification_set, "set_difference": difference}

    @property
    def initial_values(self) -> dict[str, Any]:
        """The choices as plain values, to fill in the form again later. Only for a valid form."""
        access = self.initial_access
        values: dict[str, Any] = {
            "teams": [str(team.pk) for team in access["teams"]],
            "rights": [*map(str, access["individual"])],
            "authorization_set": access["authorization_set"] and str(access["authorization_set"].pk),
            "signal_set": self.notification_set and str(self.notification_set.pk),
        }
        return {name: value for name, value in values.items() if value}

    @property
    def folded_fields(self) -> "list[tuple[forms.BoundField, bool]]":
        """The fields after the teams, each with whether it is expanded because it has a value or errors."""
        names = [name for name in FIELD_NAMES if name in self.fields and name != "teams"]
        return [(self[name], bool(self[name].value() or self[name].errors)) for name in names]

    @property
    def offers_access(self) -> bool:
        return any(name in self.fields for name in FIELD_NAMES)
