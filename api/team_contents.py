"""Members, employers and rights of a team."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import CharField, F, Func, Model, QuerySet, Value
from django.db.models.functions import NullIf
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query

import teams.actions
from accounts.models import User
from api import etags
from api.auth import ApiRequest
from api.authorizations import (
    RightResource,
    RightsResource,
    parse_rights,
    parse_set,
    render_rights,
    serialize_rights,
)
from api.employers import FILTER_FIELDS, EmployerResource, serialize_employer
from api.errors import ApiError
from api.filters import FieldType, FilterField
from api.inputs import IdInput, RightsUpdate, TeamContentsUpdate
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import ResourceReference, render_item
from api.teams import get_team_or_404, get_visible_teams
from oauth.scopes import Scope
from permissions.action_helpers import get_team_rights
from permissions.checks import Right
from permissions.models import Employer

operations = Operations("teams", read=Scope.TEAMS_READ, write=Scope.TEAMS_WRITE)
ContentModel = TypeVar("ContentModel", bound=Model)


def _build_member_name() -> Func:
    """Return the full name of a user (`User.full_name`), for filters."""
    parts = [NullIf(F(column), Value("")) for column in ("initials", "prefix", "last_name")]
    return Func(Value(" "), *parts, function="concat_ws", output_field=CharField())


_MEMBER_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "description": FilterField("member_name", expression=_build_member_name()),
    "lastName": FilterField("last_name"),
}


def _serialize_member(user: User) -> ResourceReference:
    return ResourceReference(id=user.pk, description=user.full_name)


def _respond_with_members(request: ApiRequest, team_id: UUID, query: ListQuery) -> HttpResponse:
    team = get_team_or_404(request, team_id)
    rows = User.objects.visible_to(request.caller.user).filter(memberships__team=team)
    response = render_list(request, rows, query, _MEMBER_FILTER_FIELDS, _serialize_member, order="sort_name")
    response["ETag"] = f'"{team.version}"'
    return response


def _respond_with_employers(request: ApiRequest, team_id: UUID, query: ListQuery) -> HttpResponse:
    team = get_team_or_404(request, team_id)
    rows = Employer.objects.visible_to(request.caller.user).filter(teams__team=team)
    response = render_list(request, rows, query, FILTER_FIELDS, serialize_employer, order="sort_name")
    response["ETag"] = f'"{team.version}"'
    return response


def _respond_with_rights(request: ApiRequest, team_id: UUID) -> HttpResponse:
    team = get_team_or_404(request, team_id)
    return render_rights(request, get_team_rights(team), str(team.version))


def _change_contents(
    request: ApiRequest,
    team_id: UUID,
    rows: "QuerySet[ContentModel]",
    body: TeamContentsUpdate,
    change: Callable[..., None],
) -> None:
    """Add `rows` to a team and remove `rows` with the action `change`."""
    add, remove = _get_rows(rows, body.add, "add"), _get_rows(rows, body.remove, "remove")
    with etags.lock_row(request, get_visible_teams(request), team_id) as team:
        change(team, add=add, remove=remove, by=request.by)


def _get_rows(rows: "QuerySet[ContentModel]", references: Sequence[IdInput], name: str) -> list[ContentModel]:
    """Return the rows with these IDs. Raises ApiError (400) for an ID that does not exist in the office."""
    found: dict[Any, ContentModel] = rows.in_bulk([reference.id for reference in references])
    for number, reference in enumerate(references):
        if reference.id not in found:
            text = _("This does not exist, or not in your office.")
            raise ApiError(400, "not_found", text, field=f"{name}.{number}.id")
    return list(found.values())


@operations.get_list(
    "/providers/teams/{uuid:team_id}/members",
    "GetMembersByTeamId",
    ResourceReference,
    Right.VIEW_TEAMS,
    fields=_MEMBER_FILTER_FIELDS,
)
def list_team_members(request: ApiRequest, team_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the members of a team, by name."""
    return _respond_with_members(request, team_id, query)


@operations.patch_list(
    "/providers/teams/{uuid:team_id}/members", "PatchMembersByTeamId", ResourceReference, Right.MANAGE_TEAMS
)
def patch_team_members(request: ApiRequest, team_id: UUID, body: TeamContentsUpdate) -> HttpResponse:
    """Add members to a team and remove members. Present members are not added twice; absent ones are ignored."""
    rows = User.objects.visible_to(request.caller.user)
    _change_contents(request, team_id, rows, body, teams.actions.change_members)
    return _respond_with_members(request, team_id, ListQuery())


@operations.get_list(
    "/providers/teams/{uuid:team_id}/employers",
    "GetEmployersByTeamId",
    EmployerResource,
    Right.VIEW_TEAMS,
    fields=FILTER_FIELDS,
)
def list_team_employers(request: ApiRequest, team_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the employers that a team gives access to."""
    return _respond_with_employers(request, team_id, query)


@operations.patch_list(
    "/providers/teams/{uuid:team_id}/employers", "PatchEmployersByTeamId", EmployerResource, Right.MANAGE_TEAMS
)
def patch_team_employers(request: ApiRequest, team_id: UUID, body: TeamContentsUpdate) -> HttpResponse:
    """Add employers to a team and remove employers."""
    rows = Employer.objects.visible_to(request.caller.user)
    _change_contents(request, team_id, rows, body, teams.actions.change_employers)
    return _respond_with_employers(request, team_id, ListQuery())


@operations.get_whole_list(
    "/providers/teams/{uuid:team_id}/authorizations", "GetAuthorizationsByTeamId", RightResource, Right.VIEW_TEAMS
)
def get_team_authorizations(request: ApiRequest, team_id: UUID) -> HttpResponse:
    """List all rights, enabled where the team grants them."""
    return _respond_with_rights(request, team_id)


@operations.patch(
    "/providers/teams/{uuid:team_id}/authorizations", "PatchAuthorizationsByTeamId", RightsResource, Right.MANAGE_TEAMS
)
def patch_team_authorizations(request: ApiRequest, team_id: UUID, body: RightsUpdate) -> HttpResponse:
    """Replace the rights that a team grants. Rights that are omitted are removed."""
    get_team_or_404(request, team_id)
    after, named = parse_rights(body), parse_set(request, body)
    with etags.lock_row(request, get_visible_teams(request), team_id) as team:
        teams.actions.set_team_rights(team, after, by=request.by, version=team.version)
    team = get_team_or_404(request, team_id)
    content = RightsResource(authorizationSet=named, authorizations=serialize_rights(get_team_rights(team)))
    return render_item(request, content, etag=str(team.version))
