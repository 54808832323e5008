"""The user of the token: office, details and rights."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query
from typing_extensions import TypedDict

import users.actions
from accounts.models import Provider
from api import etags, user_schemas
from api.auth import ApiRequest
from api.authorizations import RightResource, serialize_rights
from api.errors import ApiError, validate_form
from api.filters import FieldType, FilterField
from api.inputs import OwnUserUpdate, build_person_form_data
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import ResourceReference, render_item
from api.user_schemas import OwnResource
from core.keys import compute_name_key
from oauth.scopes import Scope
from permissions import checks
from users.forms.users import ProfileForm

operations = Operations("own", read=Scope.PROFILE, write=Scope.PROFILE_WRITE)
_PROVIDER_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "description": FilterField("name", key=compute_name_key),
}


class OwnAuthorizations(TypedDict):
    """The rights of the user and the scopes of the token."""

    authorizations: list[RightResource]
    scopes: list[str]


@operations.get_list("/providers", "GetProviders", ResourceReference, None)
def list_providers(request: ApiRequest, query: Query[ListQuery]) -> HttpResponse:
    """List the offices of the user: always exactly one."""
    rows = Provider.objects.filter(pk=request.caller.user.office.pk)

    def serialize_provider(provider: Provider) -> ResourceReference:
        return ResourceReference(id=provider.pk, description=provider.name)

    return render_list(request, rows, query, _PROVIDER_FILTER_FIELDS, serialize_provider)


@operations.get_item(
    "/providers/{uuid:provider_id}/authorizations",
    "GetOwnAuthorizationsByProviderId",
    OwnAuthorizations,
    None,
    scope=Scope.ACCOUNT_READ,
)
def get_own_authorizations(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the user's rights in the office, and the scopes of the token."""
    held = serialize_rights(checks.effective_rights(request.caller.user))
    return render_item(request, OwnAuthorizations(authorizations=held, scopes=sorted(request.caller.scopes)))


@operations.get_item("/user", "GetUser", OwnResource, None)
def get_own_user(request: ApiRequest) -> HttpResponse:
    """Return the user of the token, limited by its scopes: `email`, `profile:write` and `account:read` add fields."""
    return _respond(request)


@operations.put("/user", "PutUser", OwnResource, None)
def put_own_user(request: ApiRequest, body: OwnUserUpdate) -> HttpResponse:
    """Update the user's own details. The e-mail address can be changed on the profile page only."""
    user = user_schemas.get_user_or_404(request, request.caller.user.pk)
    etags.require_etag_match(request, user_schemas.compute_user_etag(user))
    if body.contactInformation.emailAddress not in (None, user.email):
        text = _("Change your own address on the profile page.")
        raise ApiError(400, "own_email", text, field="contactInformation.emailAddress")
    sent = build_person_form_data(body.personalDetails, body.contactInformation, current=user, version=user.version)
    form = validate_form(ProfileForm(sent, user=user))
    with user_schemas.lock_user(request, user.pk) as found:
        users.actions.edit_profile(found, details=form.details, version=user.version, by=request.by)
    return _respond(request)


def _respond(request: ApiRequest) -> HttpResponse:
    user = user_schemas.get_user_or_404(request, request.caller.user.pk)
    return render_item(
        request, user_schemas.serialize_own_user(user, request.caller.scopes), etag=user_schemas.compute_user_etag(user)
    )
