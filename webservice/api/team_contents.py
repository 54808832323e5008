"""Members, employers and rights of a team."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router

import teams.actions
from accounts.models import User
from teams.catalogue import ordered
from teams.changes import team_rights
from teams.models import Employer, Team
from teams.rights import Right
from webservice.api import etags
from webservice.api.authorizations import RightsResource, shown, wanted
from webservice.api.door import ApiRequest, needs
from webservice.api.employers import FIELDS, EmployerResource, shown_employer
from webservice.api.envelopes import Answer, Listed, Reference, answer
from webservice.api.faults import Fault
from webservice.api.filters import Field, Kind
from webservice.api.inputs import Contents, IdOnly, Rights
from webservice.api.listing import ListQuery, listed
from webservice.api.responses import changes, reads
from webservice.api.teams import one, visible
from webservice.scopes import Scope

router = Router(tags=["teams"])
Row = TypeVar("Row", bound=Model)
_MEMBER_FIELDS = {"id": Field("id", Kind.ID), "lastName": Field("last_name")}


def _member(user: User) -> Reference:
    return Reference(id=user.pk, description=user.full_name)


def _members(request: ApiRequest, team: Team, query: ListQuery) -> HttpResponse:
    rows = User.objects.visible_to(request.caller.user).filter(memberships__team=team)
    response = listed(request, rows, query, fields=_MEMBER_FIELDS, order=("sort_name",), shown=_member)
    return _tagged(response, team)


def _employers(request: ApiRequest, team: Team, query: ListQuery) -> HttpResponse:
    rows = Employer.objects.visible_to(request.caller.user).filter(teams__team=team)
    response = listed(request, rows, query, fields=FIELDS, order=("sort_name",), shown=shown_employer)
    return _tagged(response, team)


def _tagged(response: HttpResponse, team: Team) -> HttpResponse:
    response["ETag"] = f'"{team.version}"'
    return response


def _changed(request: ApiRequest, id: UUID, rows: "QuerySet[Row]", body: Contents, change: Callable[..., None]) -> Team:
    """Add rows to a team and remove rows with `change`. Return the team afterwards."""
    add, remove = _found(rows, body.add, "add"), _found(rows, body.remove, "remove")
    with etags.locked(request, visible(request), id) as team:
        change(team, add=add, remove=remove, by=request.by)
    return one(request, id)


def _found(rows: "QuerySet[Row]", wanted: Sequence[IdOnly], name: str) -> list[Row]:
    """Return the rows with these IDs. Raises Fault (400) for an ID that does not exist in the office."""
    found: dict[Any, Row] = rows.in_bulk([one.id for one in wanted])
    for number, one_wanted in enumerate(wanted):
        if one_wanted.id not in found:
            text = _("This does not exist, or not in your office.")
            raise Fault(400, "not_found", text, field=f"{name}.{number}.id")
    return list(found.values())


@router.get(
    "/providers/teams/{uuid:team_id}/members",
    operation_id="GetMembersByTeamId",
    response=reads(Listed[Reference], 400, 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_TEAMS),
)
def members(request: ApiRequest, team_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the members of a team, by name."""
    return _members(request, one(request, team_id), query)


@router.patch(
    "/providers/teams/{uuid:team_id}/members",
    operation_id="PatchMembersByTeamId",
    response=changes(Listed[Reference]),
    **needs(Scope.TEAMS_WRITE, Right.MANAGE_TEAMS),
)
def patch_members(request: ApiRequest, team_id: UUID, body: Contents) -> HttpResponse:
    """Add members to a team and remove members. Present members are not added twice; absent ones are ignored."""
    people = User.objects.visible_to(request.caller.user)
    team = _changed(request, team_id, people, body, teams.actions.change_members)
    return _members(request, team, ListQuery())


@router.get(
    "/providers/teams/{uuid:team_id}/employers",
    operation_id="GetEmployersByTeamId",
    response=reads(Listed[EmployerResource], 400, 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_TEAMS),
)
def employers(request: ApiRequest, team_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the employers that a team gives access to."""
    return _employers(request, one(request, team_id), query)


@router.patch(
    "/providers/teams/{uuid:team_id}/employers",
    operation_id="PatchEmployersByTeamId",
    response=changes(Listed[EmployerResource]),
    **needs(Scope.TEAMS_WRITE, Right.MANAGE_TEAMS),
)
def patch_employers(request: ApiRequest, team_id: UUID, body: Contents) -> HttpResponse:
    """Add employers to a team and remove employers."""
    rows = Employer.objects.visible_to(request.caller.user)
    team = _changed(request, team_id, rows, body, teams.actions.change_employers)
    return _employers(request, team, ListQuery())


@router.get(
    "/providers/teams/{uuid:team_id}/authorizations",
    operation_id="GetAuthorizationsByTeamId",
    response=reads(Answer[RightsResource], 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_TEAMS),
)
def authorizations(request: ApiRequest, team_id: UUID) -> HttpResponse:
    """Return the rights that a team grants."""
    return _rights(request, one(request, team_id))


def _rights(request: ApiRequest, team: Team) -> HttpResponse:
    content = RightsResource(authorizations=[shown(right) for right in ordered(team_rights(team))])
    return answer(request, content, etag=str(team.version))


@router.patch(
    "/providers/teams/{uuid:team_id}/authorizations",
    operation_id="PatchAuthorizationsByTeamId",
    response=changes(Answer[RightsResource]),
    **needs(Scope.TEAMS_WRITE, Right.MANAGE_TEAMS),
)
def patch_authorizations(request: ApiRequest, team_id: UUID, body: Rights) -> HttpResponse:
    """Replace the rights that a team grants. Rights that are omitted are removed."""
    after = wanted(body.authorizations)
    with etags.locked(request, visible(request), team_id) as team:
        teams.actions.set_team_rights(team, after, by=request.by, version=team.version)
    return _rights(request, one(request, team_id))
