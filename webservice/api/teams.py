"""Teams: list, create, read, edit and delete."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from typing_extensions import TypedDict

import teams.actions
import teams.sets
from teams.forms.teams import NewTeamForm, TeamForm
from teams.listing import with_counts
from teams.models import AuthorizationSet, OfficeQuerySet, Team
from teams.rights import Right
from webservice.api import etags, faults
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Listed, answer
from webservice.api.faults import Fault, checked
from webservice.api.filters import Field, Kind
from webservice.api.idempotency import once
from webservice.api.inputs import NewTeam, TeamChange
from webservice.api.listing import ListQuery, listed
from webservice.api.responses import changes, deletes, makes, reads
from webservice.scopes import Scope

router = Router(tags=["teams"])
FIELDS = {
    "id": Field("id", Kind.ID),
    "description": Field("name"),
    "twoFactorAuthenticationRequired": Field("two_factor_required", Kind.FLAG),
    "numberOfMembers": Field("member_count", Kind.NUMBER),
    "numberOfEmployers": Field("employer_count", Kind.NUMBER),
    "numberOfAuthorizations": Field("right_count", Kind.NUMBER),
}


class TeamResource(TypedDict):
    """A team combines users, employers and rights."""

    id: UUID
    description: str
    twoFactorAuthenticationRequired: bool
    numberOfMembers: int
    numberOfEmployers: int
    numberOfAuthorizations: int


class TeamDefaults(TypedDict):
    """Default values of a new team."""

    authorizationSet: None
    twoFactorAuthenticationRequired: bool


def _shown(team: Team) -> TeamResource:
    return TeamResource(
        id=team.pk,
        description=team.name,
        twoFactorAuthenticationRequired=team.two_factor_required,
        numberOfMembers=team.member_count,  # type: ignore[attr-defined]
        numberOfEmployers=team.employer_count,  # type: ignore[attr-defined]
        numberOfAuthorizations=team.right_count,  # type: ignore[attr-defined]
    )


def visible(request: ApiRequest) -> "OfficeQuerySet[Team]":
    """Return the teams of the caller's office."""
    return Team.objects.visible_to(request.caller.user).select_related("provider")


def one(request: ApiRequest, id: UUID) -> Team:
    """Return the team `id` of the caller's office. Raises Fault (404)."""
    team = with_counts(visible(request)).filter(pk=id).first()
    if team is None:
        raise faults.not_found()
    return team


def _of(request: ApiRequest, id: UUID, *, status: int = 200, location: str | None = None) -> HttpResponse:
    team = one(request, id)
    return answer(request, _shown(team), etag=str(team.version), status=status, location=location)


@router.get(
    "/providers/{uuid:provider_id}/teams",
    operation_id="GetTeamsByProviderId",
    response=reads(Listed[TeamResource], 400, 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_TEAMS),
)
def list_teams(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the teams of the office, by name."""
    require_office(request, provider_id)
    rows = with_counts(visible(request))
    return listed(request, rows, query, fields=FIELDS, order=("sort_name",), shown=_shown)


@router.get(
    "/providers/{uuid:provider_id}/teams/defaults",
    operation_id="GetTeamDefaults",
    response=reads(Answer[TeamDefaults], 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_TEAMS),
)
def team_defaults(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the default values of a new team."""
    require_office(request, provider_id)
    return answer(request, TeamDefaults(authorizationSet=None, twoFactorAuthenticationRequired=False))


@router.post(
    "/providers/{uuid:provider_id}/teams",
    operation_id="PostTeamByProviderId",
    response=makes(Answer[TeamResource]),
    **needs(Scope.TEAMS_WRITE, Right.MANAGE_TEAMS),
)
@once
def post_team(request: ApiRequest, provider_id: UUID, body: NewTeam) -> HttpResponse:
    """Create a team, empty or with the rights of an authorization set."""
    require_office(request, provider_id)
    user, chosen = request.caller.user, None
    if body.authorizationSet is not None:
        chosen = AuthorizationSet.objects.visible_to(user).filter(pk=body.authorizationSet.id).first()
        if chosen is None:
            text = _("This set does not exist in your office.")
            raise Fault(400, "authorization_set", text, field="authorizationSet.id")
    form = checked(NewTeamForm({"name": body.description}, user=user))
    name = form.cleaned_data["name"]
    team = teams.sets.start_team(user.provider, name=name, authorization_set=chosen, by=request.by)
    return _of(request, team.pk, status=201, location=f"/v2/providers/teams/{team.pk}")


@router.get(
    "/providers/teams/{uuid:team_id}",
    operation_id="GetTeamByTeamId",
    response=reads(Answer[TeamResource], 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_TEAMS),
)
def get_team(request: ApiRequest, team_id: UUID) -> HttpResponse:
    """Return a team."""
    return _of(request, team_id)


@router.put(
    "/providers/teams/{uuid:team_id}",
    operation_id="PutTeamByTeamId",
    response=changes(Answer[TeamResource]),
    **needs(Scope.TEAMS_WRITE, Right.MANAGE_TEAMS),
)
def put_team(request: ApiRequest, team_id: UUID, body: TeamChange) -> HttpResponse:
    """Update the name of a team, and whether it requires two-factor authentication of its members."""
    with etags.locked(request, visible(request), team_id) as team:
        required = body.twoFactorAuthenticationRequired
        sent = {"name": body.description, "two_factor_required": required, "version": team.version}
        name = checked(TeamForm(sent, team=team, is_own=False)).cleaned_data["name"]
        teams.actions.edit_team(team, name=name, two_factor_required=required, version=team.version, by=request.by)
    return _of(request, team_id)


@router.delete(
    "/providers/teams/{uuid:team_id}",
    operation_id="DeleteTeamByTeamId",
    response=deletes(),
    **needs(Scope.TEAMS_WRITE, Right.MANAGE_TEAMS),
)
def delete_team(request: ApiRequest, team_id: UUID) -> HttpResponse:
    """Delete a team. Its members lose the rights granted through it."""
    with etags.locked(request, visible(request), team_id) as team:
        teams.actions.delete_team(team, version=team.version, by=request.by)
    return HttpResponse(status=204)
