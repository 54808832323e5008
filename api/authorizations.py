"""Rights of a user: individual rights, and effective rights with their sources."""

from collections.abc import Container
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

import teams.actions
from accounts.models import User
from api import etags, user_schemas
from api.auth import ApiRequest
from api.errors import ApiError
from api.inputs import MetadataInput, RightsUpdate
from api.operations import Operations
from api.schemas import MetadataValue, ResourceReference, render_item
from oauth.scopes import Scope
from permissions import checks, right_sources
from permissions.catalog import Right, sort_rights

operations = Operations("authorizations", read=Scope.TEAMS_READ, write=Scope.TEAMS_WRITE)


class RightResource(TypedDict):
    """A right of the catalog."""

    key: str
    value: str
    level: MetadataValue
    availableForEmployerUser: bool


class RightsResource(TypedDict):
    """A list of rights."""

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


def serialize_right(right: Right) -> RightResource:
    level = {"provider": _("office"), "employer": _("employer")}[right.level.value]
    return RightResource(
        key=right.value,
        value=str(right.label),
        level=MetadataValue(key=right.level.value, value=level),
        availableForEmployerUser=not right.ak_only,
    )


def serialize_rights(rights: Container[Right]) -> list[RightResource]:
    return [serialize_right(right) for right in sort_rights(rights)]


def parse_rights(keys: list[MetadataInput]) -> frozenset[Right]:
    """Return the rights with these keys. Raises ApiError (400) for an unknown key."""
    known = {right.value: right for right in Right}
    for number, sent in enumerate(keys):
        if sent.key not in known:
            text = _("Right “%(key)s” does not exist.") % {"key": sent.key}
            raise ApiError(400, "authorization", text, field=f"authorizations.{number}.key")
    return frozenset(known[sent.key] for sent in keys)


def _respond(request: ApiRequest, user: User) -> HttpResponse:
    held = checks.individual_rights(user)
    content = RightsResource(authorizations=serialize_rights(held))
    return render_item(request, content, etag=etags.hash_unordered(held))


def _compute_etag(user: User) -> str:
    return etags.hash_unordered(checks.individual_rights(user))


@operations.get_item(
    "/providers/users/{uuid:user_id}/authorizations", "GetAuthorizationsByUserId", RightsResource, Right.VIEW_USERS
)
def get_authorizations(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the individual rights of a user, in addition to those granted via teams."""
    return _respond(request, user_schemas.get_user_or_404(request, user_id))


@operations.patch(
    "/providers/users/{uuid:user_id}/authorizations", "PatchAuthorizationsByUserId", RightsResource, Right.GRANT_RIGHTS
)
def patch_authorizations(request: ApiRequest, user_id: UUID, body: RightsUpdate) -> HttpResponse:
    """Replace the individual rights of a user. Rights that are omitted are removed."""
    after = parse_rights(body.authorizations)
    rows = User.objects.visible_to(request.caller.user).select_related("provider")
    with etags.lock_row(request, rows, user_id, etag=_compute_etag) as user:
        teams.actions.set_individual_rights(user, after, by=request.by)
    return _respond(request, user)


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
        authorization=serialize_right(held_right.right),
        hasEffect=held_right.has_effect,
        isIndividual=held_right.individual,
        isImplied=held_right.implied,
        isSuperfluous=held_right.superfluous,
        teams=[ResourceReference(id=team.pk, description=team.name) for team in held_right.teams],
        numberOfEmployers=len(held_right.employers),
        numberOfEmployersWithEffect=held_right.active_employer_count,
        limitations=held_right.limitations,
    )
