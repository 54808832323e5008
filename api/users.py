"""Users: list, read, edit, delete, and actions on a user."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query

import authentication.mfa.actions
import authentication.sessions
import invitations.actions
import users.actions
import users.password_overlap
from accounts.models import User
from accounts.user_details import UserDetails
from accounts.validators import validate_two_factor_required
from api import etags, metadata, user_schemas
from api.auth import ApiRequest
from api.errors import ApiError, validate_form
from api.inputs import ResendInformation, UserAction, UserUpdate, build_person_form_data
from api.listing import ListQuery, render_list, render_whole_list
from api.operations import Operations
from api.schemas import ApiMessage, MetadataField, build_warning, render_empty, render_item
from api.user_filters import FILTER_FIELDS
from api.user_schemas import UserResource, serialize_user
from core.access import ReauthenticationLevel
from core.keys import compute_email_key
from history import erasure
from invitations.actions import InvitationNotOpen
from oauth.scopes import Scope
from permissions.checks import Right
from users.forms.invitations import ResendInvitationForm
from users.forms.users import EditUserForm
from users.status import AccountStatus

operations = Operations("users", read=Scope.USERS_READ, write=Scope.USERS_WRITE)


@operations.get_list(
    "/providers/{uuid:provider_id}/users",
    "GetUsersByProviderId",
    UserResource,
    Right.VIEW_USERS,
    fields=FILTER_FIELDS,
)
def list_users(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the users of the office, by name."""
    rows = user_schemas.annotate_users(User.objects.visible_to(request.caller.user))
    return render_list(request, rows, query, FILTER_FIELDS, serialize_user, order="sort_name")


@operations.get_whole_list(
    "/providers/{uuid:provider_id}/users/metadata", "GetUserMetadataByProviderId", MetadataField, Right.VIEW_USERS
)
def get_user_metadata(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the allowed values of the metadata fields of a new user."""
    return render_whole_list(request, list_user_metadata())


@operations.get_whole_list(
    "/providers/users/{uuid:user_id}/metadata", "GetUserMetadataByUserId", MetadataField, Right.VIEW_USERS
)
def get_metadata_of_user(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the allowed values of the metadata fields of a user."""
    user_schemas.get_user_or_404(request, user_id)
    return render_whole_list(request, list_user_metadata())


def list_user_metadata() -> list[MetadataField]:
    """Return the metadata fields of a user; the roles are empty, because they are not stored."""
    statuses = metadata.list_options("accessStatus", metadata.ACCESS_STATUS_KEYS)
    for option in statuses["options"]:
        option["name"] = metadata.ACCESS_STATUS_NAMES[AccountStatus(option["code"])]
    methods = metadata.list_options("loginMethod", metadata.LOGIN_METHOD_KEYS)
    return [methods, statuses, MetadataField(field="userSpecifiedRole", options=[])]


@operations.get_item("/providers/users/{uuid:user_id}", "GetUserByUserId", UserResource, Right.VIEW_USERS)
def get_user(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return a user."""
    return respond_with_user(request, user_id)


def respond_with_user(request: ApiRequest, user_id: UUID, **options: Any) -> HttpResponse:
    user = user_schemas.get_user_or_404(request, user_id)
    return render_item(request, serialize_user(user), etag=user_schemas.compute_user_etag(user), **options)


@operations.put(
    "/providers/users/{uuid:user_id}", "PutUserByUserId", UserResource, Right.MANAGE_USERS, 428, success=202
)
def put_user(request: ApiRequest, user_id: UUID, body: UserUpdate) -> HttpResponse:
    """Update the details of a user. A new e-mail address takes effect after it has been confirmed."""
    user = user_schemas.get_user_or_404(request, user_id)
    etags.require_etag_match(request, user_schemas.compute_user_etag(user))
    removes_factor = body.hasMultiFactorAuthentication is False and user.second_factor_at is not None
    if removes_factor:
        request.by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
        etags.require_if_match_header(request)
    form = validate_form(_build_edit_form(request, user, body))
    details = form.details
    email = details.pop("email", user.email)
    with user_schemas.lock_user(request, user_id) as found:
        users.actions.edit_user(found, details=details, email=email, version=user.version, by=request.by)
        if removes_factor:
            authentication.mfa.actions.reset_mfa(found, reason=_("via the web service"), by=request.by)
    is_other = compute_email_key(email) != user.email_key
    messages = [_build_email_pending_message(email)] if is_other else []
    return respond_with_user(request, user_id, status=202, messages=messages)


def _build_edit_form(request: ApiRequest, user: User, body: UserUpdate) -> EditUserForm:
    """Return the edit form of the page, bound to the request.

    Raises ApiError for changes that the page does not offer.
    """
    if user.pk == request.caller.user.pk:
        raise ApiError(403, "reach", _("Change your own details with PUT /v2/user."))
    _require_same_login_method(user, body)
    required = body.twoFactorAuthenticationRequired
    sent = build_person_form_data(
        body.personalDetails,
        body.contactInformation,
        current=user,
        has_access_to_test_years=body.hasAccessToPayrollingTestData,
        two_factor_required=user.two_factor_required if required is None else required,
        access_until=body.accessUntil if "accessUntil" in body.model_fields_set else user.access_until,
        version=user.version,
    )
    if user.accepted_at is None and sent["email"] != user.email:
        text = _("The address of an invited user changes when you resend the invitation: action Resend.")
        raise ApiError(400, "invited", text, field="contactInformation.emailAddress")
    try:
        validate_two_factor_required(required, user.login_method)
    except ValidationError as error:
        raise ApiError(
            400, "two_factor_required", str(error.message), field="twoFactorAuthenticationRequired"
        ) from None
    if body.hasMultiFactorAuthentication and user.second_factor_at is None:
        text = _("Users set up two-factor themselves; it can only be removed here.")
        raise ApiError(400, "two_factor", text, field="hasMultiFactorAuthentication")
    return EditUserForm(sent, user=user)


def _require_same_login_method(user: User, body: UserUpdate) -> None:
    """Raise ApiError (400) if the body names another login method or Microsoft account than the user has."""
    text = _("The login method changes with PATCH /v2/providers/users/{userId}/configuredexternaltenant.")
    if body.loginMethod is not None:
        found = metadata.find_member(metadata.LOGIN_METHOD_KEYS, body.loginMethod)
        if found != user.login_method:
            raise ApiError(400, "login_method", text, field="loginMethod")
    if "azureActiveDirectory" in body.model_fields_set:
        sent = body.azureActiveDirectory
        account = None if sent is None else (sent.tenant.id, sent.userId)
        if account != ((user.external_tenant_id, user.external_user_id) if user.external_tenant_id else None):
            raise ApiError(400, "login_method", text, field="azureActiveDirectory")


def _build_email_pending_message(email: str) -> ApiMessage:
    text = _("We sent an e-mail to %(email)s. The new address takes effect once it is confirmed there.")
    return build_warning("email_asked", text % {"email": email}, "contactInformation.emailAddress")


@operations.patch("/providers/users/{uuid:user_id}", "PatchUserByUserId", UserResource, Right.MANAGE_USERS)
def patch_user(request: ApiRequest, user_id: UUID, body: UserAction) -> HttpResponse:
    """Resend or revoke the invitation of a user, block or unblock the user, or end sessions or the old password."""
    user_schemas.get_user_or_404(request, user_id)  # a user of another office is 404, whatever the body
    if (body.action == "Resend") != (body.resendInformation is not None):
        text = _("Send resendInformation only with the action Resend.")
        raise ApiError(400, "resend_information", text, field="resendInformation")
    messages: list[ApiMessage] = []
    with user_schemas.lock_user(request, user_id) as user:
        if body.action == "Resend":
            messages = _resend_invitation(request, user, body.resendInformation)
        else:
            _ACTIONS[body.action](user, by=request.by)
    return respond_with_user(request, user_id, messages=messages)


@operations.delete("/providers/users/{uuid:user_id}", "DeleteUserByUserId", Right.MANAGE_PROVIDER)
def delete_user(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Permanently erase a user whose access ended at least the retention period of the office ago."""
    with user_schemas.lock_user(request, user_id) as user:
        erasure.erase_user(user, by=request.by)
    return render_empty(request)


def _resend_invitation(request: ApiRequest, user: User, information: ResendInformation | None) -> list[ApiMessage]:
    invitation = getattr(user, "invitation", None)
    if information is None or invitation is None:
        raise InvitationNotOpen
    email = information.emailAddress or user.email
    number = information.destinationForSecret
    sent = {"email": email, "mobile_number": number, "sent": invitation.sent_at.isoformat()}
    sent["mobile_number-questioned"] = number  # a client gets a warning instead of a question
    form = validate_form(ResendInvitationForm(sent, user=user), field_prefix="resendInformation.")
    required = information.twoFactorAuthenticationRequired
    if required is not None and required != user.two_factor_required:
        details = UserDetails(two_factor_required=required)
        users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=request.by)
    values = form.cleaned_data
    invitations.actions.resend_invitation(
        user, mobile_number=values["mobile_number"], email=values["email"], by=request.by
    )
    return user_schemas.build_number_warnings(values["mobile_number"])


_ACTIONS: dict[str, Callable[..., object]] = {
    "Revoke": invitations.actions.revoke_invitation,
    "Block": users.actions.block_user,
    "Unblock": users.actions.unblock_user,
    "EndSessions": authentication.sessions.end_all_sessions,
    "EndPreviousPassword": users.password_overlap.end_previous_password,
}
