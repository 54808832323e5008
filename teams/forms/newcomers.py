"""What somebody who is being made gets at once; part of the form of each kind."""

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
    """Return a team, which comes from `with_counts`, as a list shows it; `name` instead of its own, as a link."""
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
    """Teams, an authorization set, individual rights and signals: of each only what `asker` may give to `kind`.

    Where he may give nothing there is no field, and a request that has it is refused.
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
        help_text=_("Its rights become individual rights."),
    )
    rights = RightField(label=_("Individual rights"))
    signal_set = forms.ModelChoiceField(
        label=pgettext_lazy("told", "Signals"),
        queryset=SignalSet.objects.none(),
        required=False,
        empty_label=_("The signals of the office"),
        widget=forms.RadioSelect,
        help_text=_("A set changes what is in it; everything else follows the office."),
    )

    def __init__(self, *args: Any, asker: User, kind: LoginMethod, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        givable = rights.givable(asker)
        # A machine manages no office (rule 6).
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
            field.help_text = _("Not every team fits here. Choose the others afterwards, on the page of the user.")

    def _offer_rights(self, asker: User, givable: frozenset[Right]) -> None:
        cast(RightField, self.fields["rights"]).offer(givable)
        sets = AuthorizationSet.objects.visible_to(asker).order_by("name", "pk")
        fitting = [one.pk for one in sets if one.rights <= givable]
        if fitting:
            cast(_SetField, self.fields["authorization_set"]).queryset = sets.filter(pk__in=fitting)
        else:
            self._leave_out("authorization_set")

    def clean(self) -> dict[str, Any]:
        """Refuse what was not offered at all: a request that asks for it is not this form's."""
        super().clean()
        if any(name in self.data for name in NAMES if name not in self.fields):
            message = _("You cannot give somebody teams, rights or signals. Ask an administrator who may.")
            self.add_error(None, ValidationError(message, code="not_offered"))
        return self.cleaned_data

    @property
    def equipment(self) -> dict[str, Any]:
        """What was chosen, as `teams.newcomers.equip` takes it, once the form is valid."""
        return {
            "teams": list(self.cleaned_data.get("teams", [])),
            "authorization_set": self.cleaned_data.get("authorization_set"),
            "individual": ordered(self.cleaned_data.get("rights", [])),
        }

    @property
    def signals(self) -> SignalSet | None:
        """The signal set that was chosen, once the form is valid."""
        return self.cleaned_data.get("signal_set")

    @property
    def chosen(self) -> dict[str, Any]:
        """What was chosen in plain values, to fill in such a form again, once the form is valid."""
        given = self.equipment
        plain: dict[str, Any] = {"teams": [str(team.pk) for team in given["teams"]]}
        plain["rights"] = [*map(str, given["individual"])]
        for name, one in (("authorization_set", given["authorization_set"]), ("signal_set", self.signals)):
            plain[name] = str(one.pk) if one else ""
        return {name: value for name, value in plain.items() if value}

    @property
    def parts(self) -> "list[tuple[forms.BoundField, bool]]":
        """The fields there are, the preferred one first, and whether each is unfolded: chosen from, or refused."""
        return [(self[name], bool(self[name].value() or self[name].errors)) for name in NAMES if name in self.fields]
