"""The rights of a team: change them, after being told whom that reaches."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import User
from core.access import SAFE, page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from core.errors import EditConflict
from invitations.views.resend_warnings import add_resend_warnings
from permissions import checks
from permissions.access import OfficeRequest
from permissions.action_helpers import get_team_rights
from permissions.checks import LastAdministrator, Right
from permissions.models import Employer, Team
from permissions.rights_grid import GridContents, describe_team_products
from teams.forms.rights import TeamRightsForm
from teams.rights_impact import RightsImpact, compute_rights_impact
from teams.views.teams import get_team_or_404, get_team_url, is_own_team
from teams.views.undo import add_undo_message


def _build_form(request: OfficeRequest, team: Team, data: Any) -> TeamRightsForm:
    grid = GridContents(get_team_rights(team), marks_changes=True)
    givable = frozenset() if is_own_team(request, team) else checks.get_grantable_rights(request.user)
    return TeamRightsForm(data, team=team, grid=grid, givable=givable)


def _build_impact_context(request: OfficeRequest, impact: RightsImpact) -> dict[str, Any]:
    """Names are only for those who may view users."""
    names = impact.list_names(request.user) if Right.VIEW_USERS in request.rights else []
    return {"impact": impact, "names": names, "more_count": len(impact.users) - len(names) if names else 0}


@page(Right.MANAGE_TEAMS)
def change_team_rights(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    if request.method == "POST":
        checks.require_not_member(request.actor, team)
    form = _build_form(request, team, request.POST or None)
    if form.is_valid():
        impact = None if is_confirmed(request) else compute_rights_impact(team, form.held, form.cleaned_data["rights"])
        if impact is not None and impact.users and form.cleaned_data["version"] == team.version:
            return _confirm_rights(request, team, impact)
        if _save_rights(request, team, form):
            return redirect(get_team_url(team, "rights"))
    employers = Employer.objects.filter(teams__team=team, provider=team.provider_id).only("products")
    form.grid.describe = describe_team_products(employers)
    context = {"team": team, "form": form, "is_own": is_own_team(request, team)}
    return render(request, "teams/change_rights.html", context)


def _save_rights(request: OfficeRequest, team: Team, form: TeamRightsForm) -> bool:
    try:
        teams.actions.set_team_rights(
            team, form.cleaned_data["rights"], version=form.cleaned_data["version"], by=request.actor
        )
    except EditConflict:
        form.report_rights_conflict(team.version, form.held)
        return False
    except LastAdministrator as error:
        form.add_error(None, ValidationError(str(error), code="last_administrator"))
        return False
    add_undo_message(request, _("The rights of team %(name)s have been saved.") % {"name": team.name})
    add_resend_warnings(request, User.objects.filter(memberships__team=team))
    return True


def _confirm_rights(request: OfficeRequest, team: Team, impact: RightsImpact) -> HttpResponse:
    url = reverse("teams:change_team_rights", args=[team.pk])
    confirmation = Confirmation(
        _("Save the rights of team %(team)s?") % {"team": team.name},
        _("Save rights"),
        url,
        [
            *(_("Granted: %(right)s") % {"right": right.label} for right in impact.added),
            *(_("Revoked: %(right)s") % {"right": right.label} for right in impact.removed),
        ],
        is_harmless=True,
        parents=[(_("Teams"), reverse("teams:team_list")), (team.name, reverse("teams:team_detail", args=[team.pk]))],
    )
    return render_confirmation(
        request,
        confirmation,
        chosen={"rights": request.POST.getlist("rights"), "version": [request.POST["version"]]},
        template="teams/confirm_rights.html",
        **_build_impact_context(request, impact),
    )


@page(Right.MANAGE_TEAMS, methods=SAFE)
def preview_team_rights(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Say whom the rights in the query would reach, for the page that changes them."""
    team = get_team_or_404(request, pk)
    data = request.GET.copy()
    data["version"] = str(team.version)
    form = _build_form(request, team, data)
    if not form.is_valid():
        return render(request, "_form_errors.html", {"form": form}, status=400)
    impact = compute_rights_impact(team, form.held, form.cleaned_data["rights"])
    return render(request, "teams/_rights_impact.html", _build_impact_context(request, impact))
