"""The user of the token: office, details and rights."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from typing_extensions import TypedDict

import accounts.actions
from accounts.forms.people import ProfileForm
from accounts.models import Provider
from teams import rights
from teams.catalogue import ordered
from webservice.api import etags, people
from webservice.api.authorizations import RightResource, shown
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Listed, Reference, answer
from webservice.api.faults import Fault, checked
from webservice.api.filters import Field, Kind
from webservice.api.inputs import OwnChange, of_person
from webservice.api.listing import ListQuery, listed
from webservice.api.people import OwnResource
from webservice.api.responses import changes, reads
from webservice.scopes import Scope

router = Router(tags=["own"])
_PROVIDER_FIELDS = {"id": Field("id", Kind.ID), "description": Field("name")}


class OwnAuthorizations(TypedDict):
    """The rights of the user and the scopes of the token."""

    authorizations: list[RightResource]
    scopes: list[str]


@router.get(
    "/providers",
    operation_id="GetProviders",
    response=reads(Listed[Reference], 400),
    **needs(Scope.PROFILE, None),
)
def list_providers(request: ApiRequest, query: Query[ListQuery]) -> HttpResponse:
    """List the offices of the user: always exactly one."""
    rows = Provider.objects.filter(pk=request.caller.user.provider.pk)

    def shown_provider(provider: Provider) -> Reference:
        return Reference(id=provider.pk, description=provider.name)

    return listed(request, rows, query, fields=_PROVIDER_FIELDS, order=("name",), shown=shown_provider)


@router.get(
    "/providers/{uuid:provider_id}/authorizations",
    operation_id="GetOwnAuthorizationsByProviderId",
    response=reads(Answer[OwnAuthorizations], 404),
    **needs(Scope.ACCOUNT_READ, None),
)
def own_authorizations(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the user's rights in the office, and the scopes of the token."""
    require_office(request, provider_id)
    held = [shown(right) for right in ordered(rights.effective_rights(request.caller.user))]
    return answer(request, OwnAuthorizations(authorizations=held, scopes=sorted(request.caller.scopes)))


@router.get(
    "/user",
    operation_id="GetUser",
    response=reads(Answer[OwnResource]),
    **needs(Scope.PROFILE, None),
)
def get_own(request: ApiRequest) -> HttpResponse:
    """Return the user of the token, limited by its scopes: `email`, `profile:write` and `account:read` add fields."""
    return _of(request)


@router.put(
    "/user",
    operation_id="PutUser",
    response=changes(Answer[OwnResource]),
    **needs(Scope.PROFILE_WRITE, None),
)
def put_own(request: ApiRequest, body: OwnChange) -> HttpResponse:
    """Update the user's own details. The e-mail address can be changed on the profile page only."""
    person = people.one(request, request.caller.user.pk)
    etags.require_match(request, people.etag(person))
    if body.contactInformation.emailAddress not in (None, person.email):
        text = _("Change your own address on the profile page.")
        raise Fault(400, "own_email", text, field="contactInformation.emailAddress")
    sent = of_person(body.personalDetails, body.contactInformation, kept=person, version=person.version)
    form = checked(ProfileForm(sent, user=person))
    with etags.locked(request, people.visible(request), person.pk, etag=people.etag) as found:
        accounts.actions.edit_profile(found, details=form.details, version=person.version, by=request.by)
    return _of(request)


def _of(request: ApiRequest) -> HttpResponse:
    user = people.one(request, request.caller.user.pk)
    return answer(request, people.shown_own(user, request.caller.scopes), etag=people.etag(user))
