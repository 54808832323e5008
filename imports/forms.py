"""Forms for uploads, bulk actions and mobile numbers."""

from collections.abc import Collection, Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.validators import validate_access_until
from core.pickers import PickerSelect
from imports.bulk_actions import LIST_ACTIONS, TEAM_ACTIONS, BulkAction, BulkActionRequest
from imports.files.budget import UPLOAD_LIMITS
from invitations.forms.mobile_number import MobileNumberField
from permissions.checks import Right
from permissions.models import Team


class UserUploadForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV or XLSX, at most 5 MB."),
        error_messages={"required": _("Choose a file."), "empty": _("This file is empty.")},
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,.jsonl,.txt"}),
    )
    invite = forms.BooleanField(
        label=_("Send invitations"),
        required=False,
        initial=True,
        help_text=_("New users via website and SSO receive an e-mail after you apply the plan."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > UPLOAD_LIMITS.file_bytes:
            raise ValidationError(_("This file is larger than 5 MB. Split it into smaller files."), code="size")
        return file


class _MultipleFileInput(forms.FileInput):
    allow_multiple_selected = True


class _MultipleFileField(forms.FileField):
    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [super(_MultipleFileField, self).clean(file, initial) for file in data or [None]]


class TeamUploadForm(forms.Form):
    """A workbook, or separate CSV files of teams, employers and rights."""

    file = _MultipleFileField(
        label=_("Files"),
        help_text=_("One XLSX, or up to three CSV files; at most 5 MB together."),
        error_messages={"required": _("Choose a file."), "empty": _("This file is empty.")},
        widget=_MultipleFileInput(attrs={"accept": ".csv,.xlsx,.txt"}),
    )

    def clean_file(self) -> list[Any]:
        """Refuse more than three files, or too large ones."""
        files: list[Any] = self.cleaned_data["file"]
        if len(files) > 3:
            raise ValidationError(_("Choose at most three files."), code="count")
        if sum(file.size for file in files) > UPLOAD_LIMITS.file_bytes:
            raise ValidationError(_("Together these files are larger than 5 MB. Split them."), code="size")
        return files


_ACTS_BY_FIELD = {"team": TEAM_ACTIONS, "access_until": (BulkAction.SET_END_DATE,)}


class BulkActionForm(forms.Form):
    """A bulk action; team actions are offered only to users who manage teams.

    The style sheet hides the fields that the chosen action does not need.
    """

    act = forms.ChoiceField(
        label=_("Action"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an action.")},
    )
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.none(),
        empty_label=_("Choose a team"),
        widget=PickerSelect,
        error_messages={"required": _("Choose a team.")},
    )
    access_until = forms.DateField(
        label=_("Access until"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=_("The last day the users have access."),
        validators=[validate_access_until],
        error_messages={"required": _("Enter the last day of access.")},
    )

    def __init__(self, *args: Any, user: User, rights: Collection[Right], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        with_teams = Right.MANAGE_TEAMS in rights
        choices = [(act.value, act.label) for act in LIST_ACTIONS if with_teams or act not in TEAM_ACTIONS]
        cast(forms.ChoiceField, self.fields["act"]).choices = choices
        if with_teams:
            teams = Team.objects.visible_to(user).order_by("sort_name")
            cast("forms.ModelChoiceField[Team]", self.fields["team"]).queryset = teams
        else:
            del self.fields["team"]
        for name, acts in _ACTS_BY_FIELD.items():
            if self.is_bound and name in self.fields:
                self.fields[name].required = self.data.get("act") in acts

    def build_request(self, ids: list[str]) -> BulkActionRequest:
        """Return the bulk action on the users with these ids."""
        act, team, until = (self.cleaned_data.get(name) for name in ("act", "team", "access_until"))
        of_team, of_end = act in TEAM_ACTIONS and team, act == BulkAction.SET_END_DATE and until
        return BulkActionRequest(str(act), ids, str(team.pk) if of_team and team else "", str(until) if of_end else "")


class MobileNumbersForm(forms.Form):
    """The mobile numbers of `users`; users without a number are not invited again."""

    def __init__(self, *args: Any, users: Sequence[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for user in users:
            self.fields[f"number-{user.pk}"] = MobileNumberField(
                label=user.list_name, help_text=user.email, required=False
            )

    def clean(self) -> dict[str, Any]:
        """Require at least one number."""
        if not self.errors and not any(self.cleaned_data.values()):
            raise ValidationError(_("Enter at least one mobile number."), code="required")
        return self.cleaned_data

    @property
    def mobile_numbers(self) -> dict[str, str]:
        """Mobile numbers in E.164 by user id."""
        found = {name.removeprefix("number-"): number for name, number in self.cleaned_data.items()}
        return {id_: number for id_, number in found.items() if number}
