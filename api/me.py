"""The user of the token: office, details and rights."""

from uuid import UUID, uuid5

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
from api.listing import ListQuery, render_list, render_whole_list
from api.operations import OPERATION_AUTHS, Operations
from api.schemas import ListEnvelope, MetadataField, render_item
from api.user_schemas import OwnResource, PersonalDetails
from core.keys import compute_name_key
from oauth.scopes import Scope
from permissions import checks
from permissions.checks import Right
from users.forms.users import ProfileForm

operations = Operations("own", read=Scope.PROFILE, write=Scope.PROFILE_WRITE)
_PROVIDER_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "name": FilterField("name", key=compute_name_key),
    "description": FilterField("name", key=compute_name_key),
}
_ACTIVITY_NAMESPACE = UUID("6d1e0b9a-52c7-5d0b-9d57-0d1f5b7c2a61")
_MAX_PROVIDER_NAME_LENGTH = 70  # characters, as published


class ProviderResource(TypedDict):
    """An office. `description` repeats its name."""

    id: UUID
    name: str
    description: str


class ActivityResource(TypedDict):
    """An operation that the scopes of the token and the rights of the user allow."""

    id: UUID
    description: str
    scope: str
    right: str | None


class ActivityList(ListEnvelope):
    """The allowed operations, with the rights of the user and the scopes of the token."""

    _embedded: list[ActivityResource]
    rights: list[RightResource]
    scopes: list[str]


class OtherPersonalDetails(PersonalDetails):
    """The name of a colleague; `formattedName` is as it is written."""

    formattedName: str


class OtherUserResource(TypedDict):
    """A colleague."""

    personalDetails: OtherPersonalDetails


@operations.get_list("/providers", "GetProvidersByUser", ProviderResource, None, fields=_PROVIDER_FILTER_FIELDS)
def list_providers(request: ApiRequest, query: Query[ListQuery]) -> HttpResponse:
    """List the offices of the user: always exactly one."""
    rows = Provider.objects.filter(pk=request.caller.user.office.pk)

    def serialize_provider(provider: Provider) -> ProviderResource:
        name = provider.name[:_MAX_PROVIDER_NAME_LENGTH]
        return ProviderResource(id=provider.pk, name=name, description=name)

    return render_list(request, rows, query, _PROVIDER_FILTER_FIELDS, serialize_provider)


@operations.get_extended_list(
    "/providers/{uuid:provider_id}/authorizations",
    "GetAuthorizationsByProviderId",
    ActivityList,
    None,
    scope=Scope.ACCOUNT_READ,
)
def get_own_authorizations(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """List the operations that the token and the user's rights in the office allow."""
    held, scopes = checks.effective_rights(request.caller.user), request.caller.scopes
    allowed = [
        ActivityResource(id=uuid5(_ACTIVITY_NAMESPACE, name), description=name, scope=auth.scope, right=auth.right)
        for name, auth in sorted(OPERATION_AUTHS.items())
        if auth.scope in scopes and (auth.right is None or auth.right in held)
    ]
    return render_whole_list(request, allowed, rights=serialize_rights(held), scopes=sorted(scopes))


@operations.get_item("/user", "GetUserByToken", OwnResource, None)
def get_own_user(request: ApiRequest) -> HttpResponse:
    """Return the user of the token, limited by its scopes: `email`, `profile:write` and `account:read` add fields."""
    return _respond(request)


@operations.get_item(
    "/user/{uuid:user_id}", "GetColleagueByUserId", OtherUserResource, Right.VIEW_USERS, scope=Scope.USERS_READ
)
def get_other_user(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the name of a user of the office."""
    user = user_schemas.get_user_or_404(request, user_id)
    details = user_schemas.serialize_user(user)["personalDetails"]
    content = OtherUserResource(personalDetails=OtherPersonalDetails(**details, formattedName=user.full_name))
    return render_item(request, content)


@operations.get_whole_list("/user/metadata", "GetUserMetadataByToken", MetadataField, None)
def get_own_metadata(request: ApiRequest) -> HttpResponse:
    """Return the metadata fields that users may change themselves: the role has no values, because it is not stored."""
    return render_whole_list(request, [MetadataField(field="userSpecifiedRole", options=[])])


@operations.put("/user/{uuid:user_id}", "PutUserByToken", OwnResource, None)
def put_own_user_by_id(request: ApiRequest, user_id: UUID, body: OwnUserUpdate) -> HttpResponse:
    """Update the user's own details, as `PUT /user` does. The ID is that of the user of the token."""
    if user_schemas.get_user_or_404(request, user_id).pk != request.caller.user.pk:
        raise ApiError(403, "reach", _("Change another user with PUT /v2/providers/users/{userId}."))
    return put_own_user(request, body)


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
