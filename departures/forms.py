"""The form of a departure."""

from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import LoginMethod, User
from audit.actors import Actor
from core.pickers import PickerSelect
from departures.plans import MAX_NAMES, MAX_REVOKED, DepartureChoices, Situation
from permissions import checks
from permissions.checks import Right
from permissions.inactive import build_open_filter
from permissions.models import Team, TeamMember


def filter_candidates(user: User, by: Actor) -> QuerySet[User]:
    """Return colleagues who can take over from `user`; nobody changes their own teams, and a machine does no work."""
    working = User.objects.filter(build_open_filter(), provider=user.office, accepted_at__isnull=False)
    people = working.exclude(login_method=LoginMethod.SSO_WEBSERVICE)
    return people.exclude(pk__in=[user.pk, by.user.pk] if by.user else [user.pk])


def _list_successor_choices(user: User, candidates: QuerySet[User]) -> list[tuple[Any, Any]]:
    """Return the candidates by name, those in a team of `user` first."""
    teams = Team.objects.filter(provider=user.office, members__user=user)
    mates = Q(pk__in=TeamMember.objects.filter(team__in=teams).values("user"))
    listed = candidates.order_by("sort_name", "pk")
    groups = [(_("In the same teams"), listed.filter(mates)), (_("Other colleagues"), listed.exclude(mates))]
    return [
        ("", _("Nobody")),
        *((label, [(str(one.pk), one.list_name) for one in found]) for label, found in groups if found),
    ]


def list_grantable_teams(user: User, by: Actor) -> QuerySet[Team]:
    """Return the teams of `user` to which the actor may add a colleague."""
    teams = Team.objects.filter(provider=user.office, members__user=user).order_by("sort_name", "pk")
    if by.user is None:
        return teams
    beyond = checks.find_ungrantable_teams(by.user, checks.get_grantable_rights(by.user))
    return teams.exclude(pk__in=beyond)


class DepartureForm(forms.Form):
    """What happens to a leaver; fields without a subject are left out."""

    moment = forms.ChoiceField(
        label=_("When"),
        choices=[("now", _("Block now")), ("date", _("On an end date"))],
        initial="date",
        widget=forms.RadioSelect,
    )
    access_until = forms.DateField(
        label=_("Last day of access"),
        error_messages={"required": _("Enter the last day of access.")},
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    successor = forms.ModelChoiceField(
        label=_("Successor"), queryset=User.objects.none(), required=False, widget=PickerSelect
    )
    teams = forms.ModelMultipleChoiceField(
        label=_("Teams that the successor joins"),
        queryset=Team.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    revokes_invitations = forms.BooleanField(label=_("Revoke the open invitations that were sent"), required=False)
    ends_integrations = forms.BooleanField(label=_("End the access of integrations"), required=False, initial=True)
    clears_notifications = forms.BooleanField(
        label=_("Let the notification settings follow the office again"), required=False, initial=True
    )

    def __init__(self, data: Any, *, user: User, situation: Situation, by: Actor, rights: Collection[Right]) -> None:
        uncovered = {team.pk for team in situation.empty_teams}
        super().__init__(data, initial={"teams": uncovered, "access_until": user.access_until})
        if self.is_bound:
            self.fields["access_until"].required = self.data.get("moment") != "now"
        if Right.MANAGE_TEAMS in rights and situation.teams:
            self._offer_handover(user, by)
            self._offer_teams(list(list_grantable_teams(user, by)), uncovered)
        else:
            del self.fields["successor"], self.fields["teams"]
        offered = {
            "revokes_invitations": 0 < len(situation.sent_invitations) <= MAX_REVOKED,
            "ends_integrations": situation.consents,
            "clears_notifications": Right.MANAGE_SIGNALS in rights and situation.override_count,
        }
        for name in [name for name, found in offered.items() if not found]:
            del self.fields[name]

    def _offer_handover(self, user: User, by: Actor) -> None:
        successor = cast("forms.ModelChoiceField[User]", self.fields["successor"])
        successor.queryset = filter_candidates(user, by)
        successor.widget.choices = _list_successor_choices(user, successor.queryset)
        cast("forms.ModelMultipleChoiceField[Team]", self.fields["teams"]).queryset = list_grantable_teams(user, by)

    def _offer_teams(self, grantable: list[Team], uncovered: set[UUID]) -> None:
        """List at most MAX_NAMES teams, those that nobody else is in first."""
        field = cast("forms.ModelMultipleChoiceField[Team]", self.fields["teams"])
        listed = sorted(grantable, key=lambda team: team.pk not in uncovered)[:MAX_NAMES]
        field.widget.choices = [(str(team.pk), team.name) for team in listed]
        if more := len(grantable) - len(listed):
            field.help_text = _("%(count)s more teams are not listed; add the successor on the page of the team.") % {
                "count": more
            }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        until = cleaned.get("access_until")
        if cleaned.get("moment") == "date" and until is not None and until < timezone.localdate():
            text = _("This date is in the past. Choose today or a later date.")
            self.add_error("access_until", ValidationError(text, code="past"))
        if cleaned.get("successor") and not cleaned.get("teams"):
            text = _("Choose at least one team that the successor joins.")
            self.add_error("teams", ValidationError(text, code="required"))
        return cleaned

    @property
    def choices(self) -> DepartureChoices:
        values = self.cleaned_data
        successor = values.get("successor")
        return DepartureChoices(
            access_until=values["access_until"] if values["moment"] == "date" else None,
            successor=successor,
            teams=list(values.get("teams") or ()) if successor else [],
            revokes_invitations=values.get("revokes_invitations", False),
            ends_integrations=values.get("ends_integrations", False),
            clears_notifications=values.get("clears_notifications", False),
        )
