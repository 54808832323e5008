"""Initial access of a new user; part of the form of each login method."""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from accounts.models import LoginMethod, User
from notifications.models import SignalSet
from teams import rights
from teams.catalogue import ordered
from teams.forms.rights import RightField
from teams.listing import with_counts
from teams.models import AuthorizationSet, Team
from teams.rights import Right

SHOWN = 100
NAMES = ("teams", "authorization_set", "rights", "signal_set")


def team_text(team: Team, *, name: str = "") -> SafeString:
    """Return the label of a team in a list. The team must come from `with_counts`; `name` can be a link to it."""
    parts = [
        (ngettext("%(count)s right", "%(count)s rights", team.right_count), team.right_count),  # type: ignore[attr-defined]
        (ngettext("%(count)s employer", "%(count)s employers", team.employer_count), team.employer_count),  # type: ignore[attr-defined]
    ]
    detail = ", ".join(text % {"count": count} for text, count in parts)
    return format_html('<span>{}<span class="detail">{}</span></span>', name or team.name, detail)


class _SetField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        names = ", ".join(str(right.label) for right in ordered(obj.rights))
        return format_html('<span>{}<span class="detail">{}</span></span>', obj.name, names)


class EquipmentForm(forms.Form):
    """Teams, an authorization set, individual rights and notifications that `asker` may give to a user of `kind`.

    A field without choices is left out, and a request that contains it anyway is invalid.
    """

    teams = forms.ModelMultipleChoiceField(
        label=_("Teams"), queryset=Team.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    authorization_set = _SetField(
        label=_("Authorization set"),
        queryset=AuthorizationSet.objects.none(),
        required=False,
        blank=True,
        empty_label=_("No set"),
        widget=forms.RadioSelect,
        help_text=_("The rights of the set become individual rights."),
    )
    rights = RightField(label=_("Individual rights"))
    signal_set = forms.ModelChoiceField(
        label=pgettext_lazy("told", "Notifications"),
        queryset=SignalSet.objects.none(),
        required=False,
        empty_label=_("The office notifications"),
        widget=forms.RadioSelect,
        help_text=_("The set overrides only the notifications it contains; all others follow the office."),
    )

    def __init__(self, *args: Any, asker: User, kind: LoginMethod, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        givable = rights.givable(asker)
        # A machine cannot manage an office (rule 6).
        never = frozenset({Right.MANAGE_PROVIDER} if kind == LoginMethod.SSO_WEBSERVICE else ())
        if Right.MANAGE_TEAMS in givable:
            self._offer_teams(asker, givable, never)
        else:
            self._leave_out("teams")
        if Right.GRANT_RIGHTS in givable:
            self._offer_rights(asker, givable - never)
        else:
            self._leave_out("authorization_set", "rights")
        signal_sets = SignalSet.objects.visible_to(asker).order_by("name", "pk")
        if Right.MANAGE_SIGNALS in givable and signal_sets:
            cast(Any, self.fields["signal_set"]).queryset = signal_sets
        else:
            self._leave_out("signal_set")

    def _leave_out(self, *names: str) -> None:
        for name in names:
            del self.fields[name]

    def _offer_teams(self, asker: User, givable: frozenset[Right], never: frozenset[Right]) -> None:
        teams = Team.objects.visible_to(asker).exclude(pk__in=rights.teams_beyond(asker, givable))
        teams = teams.exclude(rights__right__in=never)
        found = list(with_counts(teams).order_by("sort_name", "pk")[: SHOWN + 1])
        if not found:
            self._leave_out("teams")
            return
        field = cast(Any, self.fields["teams"])
        field.queryset = teams
        field.widget.choices = [(team.pk, team_text(team)) for team in found[:SHOWN]]
        if len(found) > SHOWN:
            field.help_text = _("Not all teams fit here. You can add the others later, on the user's page.")

    def _offer_rights(self, asker: User, givable: frozenset[Right]) -> None:
        cast(RightField, self.fields["rights"]).offer(givable)
        sets = AuthorizationSet.objects.visible_to(asker).order_by("name", "pk")
        fitting = [one.pk for one in sets if one.rights <= givable]
        if fitting:
            cast(_SetField, self.fields["authorization_set"]).queryset = sets.filter(pk__in=fitting)
        else:
            self._leave_out("authorization_set")

    def clean(self) -> dict[str, Any]:
        """Reject values for fields that were left out; such a request does not come from this form."""
        super().clean()
        if any(name in self.data for name in NAMES if name not in self.fields):
            message = _("You cannot assign teams, rights or notifications. Ask an administrator who can.")
            self.add_error(None, ValidationError(message, code="not_offered"))
        return self.cleaned_data

    @property
    def equipment(self) -> dict[str, Any]:
        """The keyword arguments for `teams.newcomers.equip`. Only for a valid form."""
        return {
            "teams": list(self.cleaned_data.get("teams", [])),
            "authorization_set": self.cleaned_data.get("authorization_set"),
            "individual": ordered(self.cleaned_data.get("rights", [])),
        }

    @property
    def signals(self) -> SignalSet | None:
        """The chosen signal set. Only for a valid form."""
        return self.cleaned_data.get("signal_set")

    @property
    def chosen(self) -> dict[str, Any]:
        """The choices as plain values, to fill in the form again later. Only for a valid form."""
        given = self.equipment
        plain: dict[str, Any] = {"teams": [str(team.pk) for team in given["teams"]]}
        plain["rights"] = [*map(str, given["individual"])]
        for name, one in (("authorization_set", given["authorization_set"]), ("signal_set", self.signals)):
            plain[name] = str(one.pk) if one else ""
        return {name: value for name, value in plain.items() if value}

    @property
    def parts(self) -> "list[tuple[forms.BoundField, bool]]":
        """The fields, preferred one first, each with whether it is expanded because it has a value or errors."""
        return [(self[name], bool(self[name].value() or self[name].errors)) for name in NAMES if name in self.fields]
