"""Creating users: SSO/Webservice and Azure AD users directly, website users by invitation."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

import invitations.actions
from accounts.models import ExternalTenant, LoginMethod, User
from accounts.validators import validate_username
from api import errors, metadata, user_schemas, users
from api.auth import ApiRequest
from api.errors import ApiError, validate_form
from api.inputs import AzureAccountInput, SsoAccountInput, UserCreate, UserInvite, build_person_form_data
from api.schemas import ApiMessage, MetadataValue, build_warning, render_item
from api.user_schemas import UserResource
from invitations.phone_numbers import parse_mobile_number
from permissions.checks import Right
from users import login_methods
from users.forms.invitations import find_users_with_email
from users.forms.users import UserDetailsForm, WebsiteUserForm

operations = users.operations  # a path has a single router


class DefaultPersonalDetails(TypedDict):
    """The name of a new user, which has no default."""

    initials: None
    firstName: None
    prefix: None
    lastName: None


class DefaultContactInformation(TypedDict):
    """Contact information of a new user, which has no default."""

    emailAddress: None
    phoneNumber: None
    placeOfEmployment: None


class UserDefaults(TypedDict):
    """A user as it is before anything is filled in."""

    id: None
    userName: None
    loginMethod: MetadataValue
    accessStatus: None
    personalDetails: DefaultPersonalDetails
    contactInformation: DefaultContactInformation
    azureActiveDirectory: None
    twoFactorAuthenticationRequired: bool
    hasMultiFactorAuthentication: bool
    hasAccessToPayrollingTestData: bool
    hasIntegrations: bool
    isDepartmentManager: bool
    isLinkedToMultipleEmployers: bool
    accessUntil: None
    dateTimeCreation: None
    dateTimeModified: None
    dateTimeLastLogin: None
    userSpecifiedRole: None
    userCustomSpecifiedRole: None


@operations.get_item(
    "/providers/{uuid:provider_id}/users/defaults", "GetUserDefaultsByProviderId", UserDefaults, Right.VIEW_USERS
)
def user_defaults(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the default values of a new user: null where there is none."""
    content: dict[str, Any] = dict.fromkeys(UserDefaults.__annotations__) | {
        "loginMethod": metadata.serialize_metadata(metadata.LOGIN_METHOD_KEYS, LoginMethod.SSO_WEBSERVICE),
        "personalDetails": dict.fromkeys(DefaultPersonalDetails.__annotations__),
        "contactInformation": dict.fromkeys(DefaultContactInformation.__annotations__),
        "twoFactorAuthenticationRequired": False,
        "hasMultiFactorAuthentication": False,
        "hasAccessToPayrollingTestData": False,
        "hasIntegrations": False,
        "isDepartmentManager": False,
        "isLinkedToMultipleEmployers": False,
    }
    return render_item(request, content)


@operations.post("/providers/{uuid:provider_id}/users", "PostUserByProviderId", UserResource, Right.MANAGE_USERS)
def post_user(request: ApiRequest, provider_id: UUID, body: UserCreate) -> HttpResponse:
    """Create a user without invitation. `sso_webservice` takes `ssoAccount`, `azure_ad` `azureActiveDirectory`."""
    form = validate_form(UserDetailsForm(_build_form_data(body)))
    method = metadata.find_member(metadata.LOGIN_METHOD_KEYS, body.loginMethod)
    sso, azure = body.ssoAccount, body.azureActiveDirectory
    if method == LoginMethod.SSO_WEBSERVICE and sso is not None and azure is None:
        return _respond_created(request, _create_webservice_user(request, form, sso))
    if method == LoginMethod.AZURE_AD and azure is not None and sso is None:
        return _respond_created(request, _create_azure_user(request, form, azure))
    text = _("Send ssoAccount with login method 3 (sso_webservice), or azureActiveDirectory with 2 (azure_ad).")
    raise ApiError(400, "login_method", text, field="loginMethod")


def _build_form_data(body: UserCreate | UserInvite) -> dict[str, Any]:
    return build_person_form_data(
        body.personalDetails,
        body.contactInformation,
        has_access_to_test_years=body.hasAccessToPayrollingTestData,
        access_until=body.accessUntil,
    )


def _create_webservice_user(request: ApiRequest, form: UserDetailsForm, account: SsoAccountInput) -> User:
    try:
        validate_username(account.userName)
    except ValidationError as error:
        raise errors.convert_validation_error(error, "ssoAccount.userName") from None
    try:
        return login_methods.create_webservice_user(
            request.caller.user.office,
            details=form.details,
            username=account.userName,
            password=account.password,
            by=request.by,
        )
    except ValidationError as error:
        taken = [fault.code for fault in error.error_list] == ["taken"]
        raise errors.convert_validation_error(error, f"ssoAccount.{'userName' if taken else 'password'}") from None


def _create_azure_user(request: ApiRequest, form: UserDetailsForm, account: AzureAccountInput) -> User:
    tenants = ExternalTenant.objects.visible_to(request.caller.user)
    tenant = errors.get_or_400(tenants, account.tenant.id, "tenant", "azureActiveDirectory.tenant.id")
    try:
        return login_methods.create_azure_user(
            request.caller.user.office,
            details=form.details,
            username=account.userName,
            tenant=tenant,
            external_user_id=account.externalUserId,
            by=request.by,
        )
    except ValidationError as error:
        places = {"tenant": "tenant.id", "account_taken": "externalUserId"}
        place = places.get(error.error_list[0].code or "", "userName")
        raise errors.convert_validation_error(error, f"azureActiveDirectory.{place}") from None


@operations.post(
    "/providers/{uuid:provider_id}/users/invite", "PostInviteByProviderId", UserResource, Right.MANAGE_USERS
)
def post_invite(request: ApiRequest, provider_id: UUID, body: UserInvite) -> HttpResponse:
    """Invite a user via website and SSO. The code goes to `destinationForSecret` once the link is opened."""
    form = validate_form(
        WebsiteUserForm(_build_form_data(body) | {"two_factor_required": body.twoFactorAuthenticationRequired})
    )
    try:
        number = parse_mobile_number(body.destinationForSecret, confirmed=True)
    except ValidationError as error:
        raise errors.convert_validation_error(error, "destinationForSecret") from None
    provider = request.caller.user.office
    user = invitations.actions.invite_user(provider, details=form.details, mobile_number=number, by=request.by)
    return _respond_created(request, user, number)


def _respond_created(request: ApiRequest, user: User, number: str | None = None) -> HttpResponse:
    location = f"/v2/providers/users/{user.pk}"
    return users.respond_with_user(
        request, user.pk, status=201, location=location, messages=_build_warnings(request, user, number)
    )


def _build_warnings(request: ApiRequest, user: User, number: str | None) -> list[ApiMessage]:
    """Return warnings that do not prevent creation: the number, and other users of the office have the same address."""
    others = [
        other.full_name for other in find_users_with_email(request.caller.user.office, user.email) if other != user
    ]
    warnings = user_schemas.build_number_warnings(number)
    if not others:
        return warnings
    text = _("This address is also used by %(names)s.") % {"names": ", ".join(others)}
    return [*warnings, build_warning("same_email", text, "contactInformation.emailAddress")]
