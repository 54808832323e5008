"""Forms of teams, their members, employers and rights."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from core.forms import PLAIN_TEXT_VALIDATORS, FilterForm, VersionedForm
from core.paging import build_query_string
from permissions.forms import OfficeChoiceForm
from permissions.models import AuthorizationSet, Employer, Team
from teams.queries import CountedTeam


class SearchForm(FilterForm):
    """Search of a list; `only` labels a checkbox. With `picks`, its hits can be checked in the list with that id."""

    q = forms.CharField(label=gettext_lazy("Search"), max_length=100, required=False, widget=forms.SearchInput)
    only = forms.BooleanField(required=False)

    def __init__(self, *args: Any, hint: str, only: str = "", picks: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.attrs["placeholder"] = hint
        self.fields["only"].label = only
        if picks:
            source = build_query_string(options="1", only=self.values()["only"]) + "&q="
            self.fields["q"].widget.attrs |= {"data-picker-list": picks, "data-picker-source": source}

    def values(self) -> dict[str, str]:
        return {name: "1" if value is True else value for name, value in super().values().items()}


class NewTeamForm(OfficeChoiceForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=50,
        validators=PLAIN_TEXT_VALIDATORS,
        error_messages={"required": gettext_lazy("Enter the name of the team.")},
    )
    authorization_set = forms.ModelChoiceField(
        label=gettext_lazy("Start from an authorization set"),
        queryset=AuthorizationSet.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("No set"),
        help_text=gettext_lazy("The team gets the rights of the set. You can change them later."),
    )


class TeamForm(VersionedForm):
    """The name of a team and whether it requires two-factor. The latter is disabled in the user's own team."""

    name = NewTeamForm.base_fields["name"]
    two_factor_required = forms.BooleanField(
        label=gettext_lazy("Two-factor required"),
        required=False,
        help_text=gettext_lazy(
            "Members who log in via the website without two-factor must set it up at their next login. Until then,"
            " their rights are inactive."
        ),
    )

    def __init__(self, *args: Any, team: Team, is_own: bool, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(team, name) for name in ("name", "two_factor_required", "version")}
        super().__init__(*args, **kwargs)
        self.fields["two_factor_required"].disabled = is_own


def _build_checkbox_field(label: Any) -> Any:
    return forms.ModelMultipleChoiceField(
        label=label,
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )


class SelectionForm(forms.Form):
    """Choice of several rows: `options` are the valid ones, `shown` those on this page with their labels."""

    def __init__(
        self,
        *args: Any,
        options: "QuerySet[User] | QuerySet[Employer] | QuerySet[Team]",
        shown: Iterable[tuple[Any, str | SafeString]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        (field,) = self.fields.values()
        chosen = cast("forms.ModelMultipleChoiceField[Any]", field)
        chosen.queryset = options
        chosen.widget.choices = list(shown)


class UserSelectionForm(SelectionForm):
    users = _build_checkbox_field(gettext_lazy("Colleagues"))


class EmployerSelectionForm(SelectionForm):
    employers = _build_checkbox_field(gettext_lazy("Employers"))


class ConfirmCountForm(forms.Form):
    count = forms.IntegerField(min_value=1, max_value=10**7, widget=forms.HiddenInput)


class TeamSelectionForm(SelectionForm):
    teams = _build_checkbox_field(gettext_lazy("Teams"))


def render_team_label(team: CountedTeam, *, name: str = "") -> SafeString:
    """Return the label of a team in a list; `name` can be a link to it."""
    parts = [
        (ngettext("%(count)s right", "%(count)s rights", team.right_count), team.right_count),
        (ngettext("%(count)s employer", "%(count)s employers", team.employer_count), team.employer_count),
    ]
    detail = ", ".join(text % {"count": count} for text, count in parts)
    return format_html('<span>{}<span class="detail">{}</span></span>', name or team.name, detail)
