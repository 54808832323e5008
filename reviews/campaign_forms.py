"""Forms of campaigns: what is reviewed until when, and by whom."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm
from core.keys import compute_email_key, compute_name_key, compute_username_key
from core.pickers import PickerCheckboxes
from permissions import checks
from permissions.catalog import Right
from permissions.models import Team
from reviews.campaign_models import Campaign, CampaignReviewer
from reviews.campaigns import CampaignDetails, Reviewers
from reviews.reviewers import list_possible_reviewers

REPEAT_CHOICES = [(0, _("Once")), (3, _("Every quarter")), (6, _("Every half year")), (12, _("Every year"))]
_SCOPE_FIELDS = {"teams": "scope_teams", "rights": "scope_rights", "dormant": "scope_days"}
_CHOOSE_ONE = _("Choose at least one.")
_MAX_SHOWN_TEAMS, _MAX_ERRORS = 100, 5


class DetailsForm(forms.Form):
    """What is reviewed until when; see `CampaignDetails`."""

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        validators=PLAIN_TEXT_VALIDATORS,
        error_messages={"required": _("Enter a name, such as the quarter.")},
    )
    deadline = forms.DateField(
        label=_("Last day"),
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        error_messages={"required": _("Enter the last day.")},
        help_text=_("Reviewers who have not finished get a reminder 7, 3 and 1 days before."),
    )
    scope = forms.ChoiceField(
        label=_("What is reviewed"), choices=Campaign.Scope, initial=Campaign.Scope.EVERYONE, widget=forms.RadioSelect
    )
    scope_teams = forms.MultipleChoiceField(label=_("Teams"), required=False, widget=PickerCheckboxes)
    scope_rights = forms.MultipleChoiceField(
        label=_("Rights"),
        required=False,
        choices=[(right.value, right.label) for right in Right],
        widget=PickerCheckboxes,
    )
    scope_days = forms.IntegerField(
        label=_("Days without a login"), required=False, min_value=1, validators=[MaxValueValidator(3650)], initial=90
    )
    undecided = forms.ChoiceField(
        label=_("What is undecided at the end"),
        choices=Campaign.Undecided,
        initial=Campaign.Undecided.KEEP,
        widget=forms.RadioSelect,
    )
    repeat_months = forms.TypedChoiceField(label=_("Repeat"), choices=REPEAT_CHOICES, coerce=int, initial=0)

    def __init__(self, data: Any, *, provider: Provider, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        teams = [(str(team.pk), team.name) for team in _list_teams(provider)]
        cast(forms.MultipleChoiceField, self.fields["scope_teams"]).choices = teams

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        name = _SCOPE_FIELDS.get(cleaned.get("scope", ""), "")
        if name and name not in self.errors and not cleaned.get(name):
            text = _("Enter a number of days.") if name == "scope_days" else _CHOOSE_ONE
            self.add_error(name, ValidationError(text, code="required"))
        day = cleaned.get("deadline")
        if day is not None and day < timezone.localdate():
            self.add_error("deadline", ValidationError(_("This date is in the past."), code="past"))
        return cleaned

    @property
    def details(self) -> CampaignDetails:
        values = self.cleaned_data
        chosen = _SCOPE_FIELDS.get(values["scope"], "")
        return CampaignDetails(
            name=values["name"],
            deadline=values["deadline"],
            scope=values["scope"],
            scope_teams=tuple(UUID(key) for key in values["scope_teams"]) if chosen == "scope_teams" else (),
            scope_rights=tuple(values["scope_rights"]) if chosen == "scope_rights" else (),
            scope_days=values["scope_days"] if chosen == "scope_days" else None,
            undecided=values["undecided"],
            repeat_months=values["repeat_months"],
        )


class CampaignForm(DetailsForm):
    reviewers = forms.MultipleChoiceField(
        label=_("Reviewers"),
        widget=PickerCheckboxes,
        error_messages={"required": _("Choose at least one reviewer.")},
        help_text=_(
            "They decide about everything. Nobody decides about their own access, nor about that of who decided about"
            " them, so choose three or more."
        ),
    )
    field_order = ("name", "deadline", "scope", "scope_teams", "scope_rights", "scope_days", "reviewers")

    def __init__(self, data: Any, *, provider: Provider) -> None:
        super().__init__(data, provider=provider)
        self._able = {str(user.pk): user for user in list_possible_reviewers(provider)}
        able = [(key, user.list_name) for key, user in self._able.items()]
        cast(forms.MultipleChoiceField, self.fields["reviewers"]).choices = able
        administrators = checks.filter_right_holders(provider, Right.MANAGE_PROVIDER).values_list("pk", flat=True)
        self.initial["reviewers"] = [str(pk) for pk in administrators if str(pk) in self._able]

    @property
    def chosen_reviewers(self) -> Reviewers:
        return Reviewers(tuple(self._able[key] for key in self.cleaned_data["reviewers"]), {})


class _SavedInWordsForm(VersionedForm):
    """Says by the labels of its choices what is saved, when another user changed that."""

    def describe_saved(self, name: str, value: Any) -> Any:
        labels = {str(key): label for key, label in getattr(self.fields[name], "choices", ())}
        if isinstance(value, list):
            return super().describe_saved(name, [labels.get(str(key), key) for key in value])
        return labels.get(str(value)) or super().describe_saved(name, value)


class DraftForm(DetailsForm, _SavedInWordsForm):
    """The same for a campaign that was made, and has not started."""

    def __init__(self, data: Any, *, campaign: Campaign) -> None:
        saved = {name: self.read_saved(campaign, name) for name in (*DetailsForm.base_fields, "version")}
        initial = {name: value for name, value in saved.items() if value is not None}
        super().__init__(data, provider=campaign.provider, initial=initial)

    def read_saved(self, saved: Any, name: str) -> Any:
        value = super().read_saved(saved, name)
        return list(map(str, value)) if name == "scope_teams" else value


def _list_reviewers(campaign: Campaign) -> list[CampaignReviewer]:
    mine = CampaignReviewer.objects.filter(provider=campaign.provider_id, campaign=campaign)
    return list(mine.select_related("user"))


def _read_reviewers(rows: Iterable[CampaignReviewer]) -> dict[str, Any]:
    """Return the ids of reviewers by the name of the field of `ReviewersForm`."""
    named: dict[str, Any] = {f"team-{row.team_id}": str(row.user_id) for row in rows if row.team_id}
    return named | {"reviewers": sorted(str(row.user_id) for row in rows if not row.team_id)}


def _list_teams(provider: Provider) -> Iterable[Team]:
    return Team.objects.filter(provider=provider).order_by("sort_name", "pk")


class ReviewersForm(_SavedInWordsForm):
    """The reviewers of everything, and one per team: chosen from a list, or pasted from a sheet."""

    reviewers = CampaignForm.base_fields["reviewers"]
    by_list = forms.CharField(
        label=_("Reviewers per team as a list"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea({"rows": 4}),
        help_text=_(
            "A team and the username or e-mail address of its reviewer per line, as two columns copied from a sheet."
            " It replaces what was chosen for these teams."
        ),
    )

    def __init__(self, data: Any, *, campaign: Campaign) -> None:
        rows = _list_reviewers(campaign)
        self._teams = list(_list_teams(campaign.provider))
        self._able = {str(user.pk): user for user in list_possible_reviewers(campaign.provider)}
        initial = _read_reviewers(rows)
        super().__init__(data, initial=initial | {"version": campaign.version})
        able = [(key, user.list_name) for key, user in self._able.items()]
        # Those who lost the right stay chosen until others are: saving says that they cannot review.
        lost = {str(row.user_id): row.user for row in rows if str(row.user_id) not in self._able}
        able += [(key, _("%(name)s (can no longer review)") % {"name": user.list_name}) for key, user in lost.items()]
        self._able |= lost
        cast(forms.MultipleChoiceField, self.fields["reviewers"]).choices = able
        choices = [("", _("The reviewers of everything")), *able]
        self._shown = {f"team-{team.pk}": team for team in self._teams}
        if len(self._shown) > _MAX_SHOWN_TEAMS:  # a page with every reviewer for each of them would not load
            self._shown = {name: team for name, team in self._shown.items() if name in initial}
        for name, team in self._shown.items():
            self.fields[name] = forms.ChoiceField(label=team.name, choices=choices, required=False)

    def clean_reviewers(self) -> list[str]:
        return sorted(self.cleaned_data["reviewers"])

    def report_conflict(self, saved: Any) -> None:
        self._saved = _read_reviewers(_list_reviewers(saved))
        super().report_conflict(saved)

    def read_saved(self, saved: Any, name: str) -> Any:
        """Return what is saved of a field; the list is what was entered, and not saved as such."""
        return self.cleaned_data[name] if name == "by_list" else self._saved.get(name, "")

    @property
    def hidden_team_count(self) -> int:
        """How many teams only the list can name a reviewer of."""
        return len(self._teams) - len(self._shown)

    def clean_by_list(self) -> dict[Team, User]:
        """Return the reviewers by team. Raises ValidationError for each of the first lines that says nothing."""
        teams = {team.name_key: team for team in self._teams}
        addresses = Counter(user.email_key for user in self._able.values() if user.email_key)
        users = {user.email_key: user for user in self._able.values() if addresses[user.email_key] == 1}
        users |= {user.username_key: user for user in self._able.values() if user.username_key}
        found: dict[Team, User] = {}
        errors: list[ValidationError] = []
        for number, line in enumerate(self.cleaned_data["by_list"].splitlines(), start=1):
            name, _separator, who = (part.strip() for part in line.partition("\t" if "\t" in line else ";"))
            team = teams.get(compute_name_key(name))
            user = users.get(compute_username_key(who)) or users.get(compute_email_key(who))
            if team is not None and user is not None and team not in found:
                found[team] = user
            elif line.strip():
                if team is None:
                    text = _("Line %(line)s: there is no team “%(name)s”.")
                elif user is None:
                    text = _("Line %(line)s: “%(who)s” is no user who may review.")
                else:
                    text = _("Line %(line)s: “%(name)s” is in the list already.")
                errors.append(ValidationError(text, code="unknown", params={"line": number, "name": name, "who": who}))
        if errors:
            raise ValidationError(errors[:_MAX_ERRORS])
        return found

    @property
    def chosen_reviewers(self) -> Reviewers:
        values: Mapping[str, Any] = self.cleaned_data
        named: dict[Team, User] = {team: self._able[values[name]] for name, team in self._shown.items() if values[name]}
        return Reviewers(tuple(self._able[key] for key in values["reviewers"]), named | values["by_list"])
