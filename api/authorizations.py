"""Rights of a user: individual rights, and effective rights with their sources."""

from collections.abc import Container
from uuid import UUID, uuid5

from django.http import HttpResponse
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

import teams.actions
from accounts.models import User
from api import errors, etags, user_schemas
from api.auth import ApiRequest
from api.errors import ApiError
from api.inputs import RightsUpdate
from api.listing import render_whole_list
from api.operations import Operations
from api.schemas import MetadataValue, ResourceReference, render_item, render_paged_item
from oauth.scopes import Scope
from permissions import checks, right_sources
from permissions.catalog import Right, RightLevel
from permissions.models import AuthorizationSet

_RIGHT_NAMESPACE = UUID("0f8a3c4e-3f0e-5c53-8c5e-6a3d1b2f4c55")
_LEVEL_KEYS = {RightLevel.PROVIDER: 1, RightLevel.EMPLOYER: 2}
_MAX_DESCRIPTION_LENGTH = 50  # characters, as published
operations = Operations("authorizations", read=Scope.TEAMS_READ, write=Scope.TEAMS_WRITE)


class RightLevelResource(MetadataValue):
    """Whether a right applies to the office or at employers."""


class RightResource(TypedDict):
    """A right of the catalog. `isEnabled` tells whether it is granted, or in the set."""

    id: UUID
    description: str
    isEnabled: bool
    availableForEmployerUser: bool
    code: str
    level: RightLevelResource


class RightsResource(TypedDict):
    """All rights of the catalog, and the set that they came from if it was named."""

    authorizationSet: ResourceReference | None
    authorizations: list[RightResource]


class EffectiveRight(TypedDict):
    """A right granted to a user, with its paths and its effect."""

    authorization: RightResource
    hasEffect: bool
    isIndividual: bool
    isImplied: bool
    isSuperfluous: bool
    teams: list[ResourceReference]
    numberOfEmployers: int
    numberOfEmployersWithEffect: int
    limitations: list[str]


class EffectiveRights(TypedDict):
    """All rights granted to a user."""

    effectiveAuthorizations: list[EffectiveRight]


def get_right_id(right: Right) -> UUID:
    """Return the ID of a right, which is the same in every installation."""
    return uuid5(_RIGHT_NAMESPACE, right.value)


def serialize_right(right: Right, held: Container[Right]) -> RightResource:
    level = {"provider": _("office"), "employer": _("employer")}[right.level.value]
    return RightResource(
        id=get_right_id(right),
        description=str(right.label)[:_MAX_DESCRIPTION_LENGTH],
        isEnabled=right in held,
        availableForEmployerUser=not right.ak_only,
        code=right.value,
        level=RightLevelResource(key=_LEVEL_KEYS[right.level], value=level, code=right.level.value),
    )


def serialize_rights(held: Container[Right]) -> list[RightResource]:
    """Return all rights of the catalog, enabled where they are in `held`."""
    return [serialize_right(right, held) for right in Right]


def parse_rights(sent: RightsUpdate) -> frozenset[Right]:
    """Return the enabled rights. Raises ApiError (400) for an unknown one."""
    known: dict[str | UUID, Right] = {right.value: right for right in Right}
    known |= {get_right_id(right): right for right in Right}
    found = set()
    for number, row in enumerate(sent.authorizations):
        name = row.id or row.code or ""
        if name not in known:
            text = _("Right “%(key)s” does not exist.") % {"key": name}
            raise ApiError(400, "authorization", text, field=f"authorizations.{number}.{'id' if row.id else 'code'}")
        if row.isEnabled:
            found.add(known[name])
    return frozenset(found)


def parse_set(request: ApiRequest, sent: RightsUpdate) -> ResourceReference | None:
    """Return the set that the rights came from. Raises ApiError (400) if it does not exist in the office."""
    if sent.authorizationSet is None:
        return None
    rows = AuthorizationSet.objects.visible_to(request.caller.user)
    found = errors.get_or_400(rows, sent.authorizationSet.id, "authorization_set", "authorizationSet.id")
    return ResourceReference(id=found.pk, description=found.name)


def render_rights(request: ApiRequest, held: Container[Right], etag: str) -> HttpResponse:
    """Return the list of all rights, enabled where they are in `held`."""
    response = render_whole_list(request, serialize_rights(held))
    response["ETag"] = f'"{etag}"'
    return response


def _compute_etag(user: User) -> str:
    return etags.hash_unordered(checks.individual_rights(user))


@operations.get_whole_list(
    "/providers/users/{uuid:user_id}/authorizations", "GetAuthorizationsByUserId", RightResource, Right.VIEW_USERS
)
def get_authorizations(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """List all rights, enabled where the user has them individually, in addition to those granted via teams."""
    user = user_schemas.get_user_or_404(request, user_id)
    return render_rights(request, checks.individual_rights(user), _compute_etag(user))


@operations.patch(
    "/providers/users/{uuid:user_id}/authorizations", "PatchAuthorizationsByUserId", RightsResource, Right.GRANT_RIGHTS
)
def patch_authorizations(request: ApiRequest, user_id: UUID, body: RightsUpdate) -> HttpResponse:
    """Replace the individual rights of a user. Rights that are omitted are removed."""
    user_schemas.get_user_or_404(request, user_id)
    after, named = parse_rights(body), parse_set(request, body)
    rows = User.objects.visible_to(request.caller.user).select_related("provider")
    with etags.lock_row(request, rows, user_id, etag=_compute_etag) as user:
        teams.actions.set_individual_rights(user, after, by=request.by)
    content = RightsResource(authorizationSet=named, authorizations=serialize_rights(checks.individual_rights(user)))
    return render_item(request, content, etag=_compute_etag(user))


@operations.get_paged_item(
    "/providers/users/{uuid:user_id}/authorizationset",
    "GetAuthorizationSetByUserId",
    ResourceReference | None,
    Right.VIEW_USERS,
)
def get_applied_authorization_set(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the authorization set that was applied to a user last, null if none was. It grants nothing by itself."""
    user = user_schemas.get_user_or_404(request, user_id)
    found = user.applied_sets.select_related("authorization_set").order_by("-applied_at").first()
    if found is None:
        return render_paged_item(request, None)
    applied = found.authorization_set
    return render_paged_item(request, ResourceReference(id=applied.pk, description=applied.name))


@operations.get_item(
    "/providers/users/{uuid:user_id}/effectiveauthorizations",
    "GetEffectiveAuthorizationsByUserId",
    EffectiveRights,
    Right.VIEW_USERS,
)
def get_effective_authorizations(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """List every right granted to a user, via which path, and whether it has effect now."""
    held = right_sources.list_held_rights(user_schemas.get_user_or_404(request, user_id))
    content = EffectiveRights(effectiveAuthorizations=[_serialize_effective_right(right) for right in held])
    return render_item(request, content)


def _serialize_effective_right(held_right: right_sources.HeldRight) -> EffectiveRight:
    return EffectiveRight(
        authorization=serialize_right(held_right.right, {held_right.right}),
        hasEffect=held_right.has_effect,
        isIndividual=held_right.individual,
        isImplied=held_right.implied,
        isSuperfluous=held_right.superfluous,
        teams=[ResourceReference(id=team.pk, description=team.name) for team in held_right.teams],
        numberOfEmployers=len(held_right.employers),
        numberOfEmployersWithEffect=held_right.active_employer_count,
        limitations=held_right.limitations,
    )
