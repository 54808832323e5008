"""Rights of a user: individual rights, and effective rights with their origin."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Router
from typing_extensions import TypedDict

import teams.actions
from accounts.models import User
from teams import explain, rights
from teams.catalogue import Right, ordered
from webservice.api import etags, people
from webservice.api.door import ApiRequest, needs
from webservice.api.envelopes import Answer, Metadata, Reference, answer
from webservice.api.faults import Fault
from webservice.api.inputs import Key, Rights
from webservice.api.responses import changes, reads
from webservice.scopes import Scope

router = Router(tags=["authorizations"])


class RightResource(TypedDict):
    """A right of the catalog."""

    key: str
    value: str
    level: Metadata
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
    teams: list[Reference]
    numberOfEmployers: int
    numberOfEmployersWithEffect: int
    limitations: list[str]


class EffectiveRights(TypedDict):
    """All rights granted to a user."""

    effectiveAuthorizations: list[EffectiveRight]


def shown(right: Right) -> RightResource:
    level = {"provider": _("office"), "employer": _("employer")}[right.level.value]
    return RightResource(
        key=right.value,
        value=str(right.label),
        level=Metadata(key=right.level.value, value=level),
        availableForEmployerUser=not right.ak_only,
    )


def wanted(keys: list[Key]) -> frozenset[Right]:
    """Return the rights with these keys. Raises Fault (400) for an unknown key."""
    known = {right.value: right for right in Right}
    for number, key in enumerate(keys):
        if key.key not in known:
            text = _("Right “%(key)s” does not exist.") % {"key": key.key}
            raise Fault(400, "authorization", text, field=f"authorizations.{number}.key")
    return frozenset(known[key.key] for key in keys)


def _of(request: ApiRequest, person: User) -> HttpResponse:
    held = rights.individual_rights(person)
    content = RightsResource(authorizations=[shown(right) for right in ordered(held)])
    return answer(request, content, etag=etags.of(held))


def _etag(person: User) -> str:
    return etags.of(rights.individual_rights(person))


@router.get(
    "/providers/users/{uuid:user_id}/authorizations",
    operation_id="GetAuthorizationsByUserId",
    response=reads(Answer[RightsResource], 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_USERS),
)
def get_authorizations(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the individual rights of a user, in addition to those granted via teams."""
    return _of(request, people.one(request, user_id))


@router.patch(
    "/providers/users/{uuid:user_id}/authorizations",
    operation_id="PatchAuthorizationsByUserId",
    response=changes(Answer[RightsResource]),
    **needs(Scope.TEAMS_WRITE, Right.GRANT_RIGHTS),
)
def patch_authorizations(request: ApiRequest, user_id: UUID, body: Rights) -> HttpResponse:
    """Replace the individual rights of a user. Rights that are omitted are removed."""
    after = wanted(body.authorizations)
    rows = User.objects.visible_to(request.caller.user).select_related("provider")
    with etags.locked(request, rows, user_id, etag=_etag) as person:
        teams.actions.set_individual_rights(person, after, by=request.by)
    return _of(request, person)


@router.get(
    "/providers/users/{uuid:user_id}/effectiveauthorizations",
    operation_id="GetEffectiveAuthorizationsByUserId",
    response=reads(Answer[EffectiveRights], 404),
    **needs(Scope.TEAMS_READ, Right.VIEW_USERS),
)
def effective(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """List every right granted to a user, via which path, and whether it has effect now."""
    found = explain.origins(people.one(request, user_id))
    return answer(request, EffectiveRights(effectiveAuthorizations=[_shown_origin(origin) for origin in found]))


def _shown_origin(origin: explain.Origin) -> EffectiveRight:
    return EffectiveRight(
        authorization=shown(origin.right),
        hasEffect=origin.has_effect,
        isIndividual=origin.individual,
        isImplied=origin.implied,
        isSuperfluous=origin.superfluous,
        teams=[Reference(id=team.pk, description=team.name) for team in origin.teams],
        numberOfEmployers=len(origin.employers),
        numberOfEmployersWithEffect=origin.works_at,
        limitations=origin.limits,
    )
