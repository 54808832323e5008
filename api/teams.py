"""Teams: list, create, read, edit and delete."""

from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from ninja import Query
from typing_extensions import TypedDict

import teams.actions
import teams.sets
from accounts.models import User
from api import errors, etags
from api.auth import ApiRequest
from api.errors import validate_form
from api.filters import FieldType, FilterField
from api.inputs import TeamCreate, TeamUpdate
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import render_empty, render_item
from core.keys import compute_name_key
from oauth.scopes import Scope
from permissions.checks import Right
from permissions.models import AuthorizationSet, OfficeQuerySet, Team, TeamMember
from teams.forms.teams import NewTeamForm, TeamForm
from teams.queries import CountedTeam, annotate_counts

operations = Operations("teams", read=Scope.TEAMS_READ, write=Scope.TEAMS_WRITE)
FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "description": FilterField("name", key=compute_name_key),
    "twoFactorAuthenticationRequired": FilterField("two_factor_required", FieldType.BOOLEAN),
    "numberOfMembers": FilterField("member_count", FieldType.NUMBER),
    "numberOfEmployers": FilterField("employer_count", FieldType.NUMBER),
    "numberOfAuthorizations": FilterField("right_count", FieldType.NUMBER),
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


def _serialize_team(team: CountedTeam) -> TeamResource:
    return TeamResource(
        id=team.pk,
        description=team.name,
        twoFactorAuthenticationRequired=team.two_factor_required,
        numberOfMembers=team.member_count,
        numberOfEmployers=team.employer_count,
        numberOfAuthorizations=team.right_count,
    )


def get_visible_teams(request: ApiRequest) -> "OfficeQuerySet[Team]":
    return Team.objects.visible_to(request.caller.user).select_related("provider")


def get_team_or_404(request: ApiRequest, team_id: UUID) -> CountedTeam:
    """Return the team `team_id` of the caller's office. Raises ApiError (404)."""
    return errors.get_or_404(annotate_counts(get_visible_teams(request)), team_id)


def _respond(request: ApiRequest, team_id: UUID, *, status: int = 200, location: str | None = None) -> HttpResponse:
    team = get_team_or_404(request, team_id)
    return render_item(request, _serialize_team(team), etag=str(team.version), status=status, location=location)


@operations.get_list(
    "/providers/{uuid:provider_id}/teams", "GetTeamsByProviderId", TeamResource, Right.VIEW_TEAMS, fields=FILTER_FIELDS
)
def list_teams(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the teams of the office, by name."""
    rows = annotate_counts(get_visible_teams(request))
    return render_list(request, rows, query, FILTER_FIELDS, _serialize_team, order="sort_name")


@operations.get_list(
    "/providers/users/{uuid:user_id}/teams", "GetTeamsByUserId", TeamResource, Right.VIEW_TEAMS, fields=FILTER_FIELDS
)
def list_teams_of_user(request: ApiRequest, user_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the teams that a user is a member of, by name."""
    user = errors.get_or_404(User.objects.visible_to(request.caller.user), user_id)
    rows = annotate_counts(get_visible_teams(request)).filter(
        Exists(TeamMember.objects.filter(team=OuterRef("pk"), user=user))
    )
    return render_list(request, rows, query, FILTER_FIELDS, _serialize_team, order="sort_name")


@operations.get_item(
    "/providers/{uuid:provider_id}/teams/defaults", "GetTeamDefaultsByProviderId", TeamDefaults, Right.VIEW_TEAMS
)
def get_team_defaults(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the default values of a new team."""
    return render_item(request, TeamDefaults(authorizationSet=None, twoFactorAuthenticationRequired=False))


@operations.post("/providers/{uuid:provider_id}/teams", "PostTeamByProviderId", TeamResource, Right.MANAGE_TEAMS)
def post_team(request: ApiRequest, provider_id: UUID, body: TeamCreate) -> HttpResponse:
    """Create a team, empty or with the rights of an authorization set."""
    user, chosen = request.caller.user, None
    if body.authorizationSet is not None:
        sets = AuthorizationSet.objects.visible_to(user)
        chosen = errors.get_or_400(sets, body.authorizationSet.id, "authorization_set", "authorizationSet.id")
    form = validate_form(NewTeamForm({"name": body.description}, user=user))
    name = form.cleaned_data["name"]
    team = teams.sets.create_team_from_set(user.office, name=name, authorization_set=chosen, by=request.by)
    return _respond(request, team.pk, status=201, location=f"/v2/providers/teams/{team.pk}")


@operations.get_item("/providers/teams/{uuid:team_id}", "GetTeamByTeamId", TeamResource, Right.VIEW_TEAMS)
def get_team(request: ApiRequest, team_id: UUID) -> HttpResponse:
    """Return a team."""
    return _respond(request, team_id)


@operations.put("/providers/teams/{uuid:team_id}", "PutTeamByTeamId", TeamResource, Right.MANAGE_TEAMS)
def put_team(request: ApiRequest, team_id: UUID, body: TeamUpdate) -> HttpResponse:
    """Update the name of a team, and whether it requires two-factor authentication of its members."""
    with etags.lock_row(request, get_visible_teams(request), team_id) as team:
        required = body.twoFactorAuthenticationRequired
        sent = {"name": body.description, "two_factor_required": required, "version": team.version}
        name = validate_form(TeamForm(sent, team=team, is_own=False)).cleaned_data["name"]
        teams.actions.edit_team(team, name=name, two_factor_required=required, version=team.version, by=request.by)
    return _respond(request, team_id)


@operations.delete("/providers/teams/{uuid:team_id}", "DeleteTeamByTeamId", Right.MANAGE_TEAMS)
def delete_team(request: ApiRequest, team_id: UUID) -> HttpResponse:
    """Delete a team. Its members lose the rights granted through it."""
    with etags.lock_row(request, get_visible_teams(request), team_id) as team:
        teams.actions.delete_team(team, version=team.version, by=request.by)
    return render_empty(request)
