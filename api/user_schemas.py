"""Schemas of users, and the fields that lists of users can be filtered and sorted on."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NotRequired, TypeAlias, cast
from uuid import UUID

from django.db.models import BooleanField, Case, ExpressionWrapper, Q, QuerySet, Value, When
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

from accounts.models import LoginMethod, User
from api import errors, etags
from api.auth import ApiRequest
from api.filters import FieldType, FilterField
from api.listing import ListQuery
from api.schemas import ApiMessage, MetadataValue, build_information_message
from core.keys import compute_email_key, compute_username_key
from invitations.phone_numbers import is_known_mobile_number
from oauth.models import IntegrationsAnnotation, annotate_has_integrations
from oauth.scopes import Scope
from users.status import AccountStatus, AccountStatusAnnotation, build_status_case

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

# The coarser statuses of the original API (domain.md section 6.1).
ACCESS_STATUS_KEYS = {
    AccountStatus.BLOCKED: "UserIsBlocked",
    AccountStatus.ENDED: "NoAccessToClient",
    AccountStatus.ACTIVE: "HasAccessToClient",
    AccountStatus.REVOKED: "InviteCancelled",
    AccountStatus.LOCKED: "InviteFailed",
    AccountStatus.EXPIRED: "InviteExpired",
    AccountStatus.REFUSED: "InviteFailed",
    AccountStatus.UNDELIVERED: "InviteFailed",
    AccountStatus.OPENED: "InvitePending",
    AccountStatus.SENDING: "InvitePending",
    AccountStatus.INVITED: "InvitePending",
}
FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "userName": FilterField("username", key=compute_username_key),
    "loginMethod.key": FilterField("login_method", FieldType.KEY),
    "accessStatus.key": FilterField("access_key", FieldType.KEY),
    "personalDetails.initials": FilterField("initials"),
    "personalDetails.firstName": FilterField("first_name"),
    "personalDetails.prefix": FilterField("prefix"),
    "personalDetails.lastName": FilterField("last_name"),
    "contactInformation.emailAddress": FilterField("email", key=compute_email_key),
    "contactInformation.phoneNumber": FilterField("phone_number"),
    "contactInformation.placeOfEmployment": FilterField("place_of_employment"),
    "azureActiveDirectory.userId": FilterField("external_user_id", FieldType.ID),
    "twoFactorAuthenticationRequired": FilterField("two_factor_required", FieldType.BOOLEAN),
    "hasMultiFactorAuthentication": FilterField("has_factor", FieldType.BOOLEAN),
    "hasAccessToPayrollingTestData": FilterField("has_access_to_test_years", FieldType.BOOLEAN),
    "hasIntegrations": FilterField("has_integrations", FieldType.BOOLEAN),
    "dateTimeCreation": FilterField("created_at", FieldType.DATETIME),
    "dateTimeLastLogin": FilterField("last_login", FieldType.DATETIME),
}


class PersonalDetails(TypedDict):
    """The name of a user."""

    initials: str
    firstName: str | None
    prefix: str | None
    lastName: str


class ContactInformation(TypedDict):
    """Contact information of a user."""

    emailAddress: str
    phoneNumber: str | None
    placeOfEmployment: str | None


class Tenant(TypedDict):
    """An Azure AD tenant of the office."""

    id: UUID
    description: str
    tenantRegistrationLevel: MetadataValue


class AzureActiveDirectory(TypedDict):
    """A Microsoft account."""

    tenant: Tenant
    userId: UUID


class UserResource(TypedDict):
    """A user."""

    id: UUID
    userName: str | None
    loginMethod: MetadataValue
    accessStatus: MetadataValue
    personalDetails: PersonalDetails
    contactInformation: ContactInformation
    azureActiveDirectory: AzureActiveDirectory | None
    twoFactorAuthenticationRequired: bool
    hasMultiFactorAuthentication: bool
    hasAccessToPayrollingTestData: bool
    hasIntegrations: bool
    accessUntil: date | None
    dateTimeCreation: datetime
    dateTimeLastLogin: datetime | None
    userSpecifiedRole: MetadataValue | None
    userCustomSpecifiedRole: str | None


class OwnContactInformation(TypedDict):
    """Contact information of the user of the token."""

    emailAddress: NotRequired[str]
    phoneNumber: NotRequired[str | None]
    placeOfEmployment: NotRequired[str | None]


class OwnResource(TypedDict):
    """The user of the token. Fields that require a scope the token lacks are omitted."""

    id: UUID
    userName: NotRequired[str | None]
    personalDetails: PersonalDetails
    contactInformation: OwnContactInformation
    loginMethod: NotRequired[MetadataValue]
    accessStatus: NotRequired[MetadataValue]
    azureActiveDirectory: NotRequired[AzureActiveDirectory | None]
    twoFactorAuthenticationRequired: NotRequired[bool]
    hasMultiFactorAuthentication: NotRequired[bool]
    hasAccessToPayrollingTestData: NotRequired[bool]
    hasIntegrations: NotRequired[bool]
    accessUntil: NotRequired[date | None]
    dateTimeCreation: NotRequired[datetime]
    dateTimeLastLogin: NotRequired[datetime | None]
    userSpecifiedRole: NotRequired[MetadataValue | None]
    userCustomSpecifiedRole: NotRequired[str | None]


# The scope that shows a field of the token's own user. ID and name need no additional scope.
_UNSCOPED_FIELDS = ("id", "personalDetails")
_FIELD_SCOPES = {
    "userName": Scope.PROFILE,
    "emailAddress": Scope.EMAIL,
    "phoneNumber": Scope.PROFILE_WRITE,
    "placeOfEmployment": Scope.PROFILE_WRITE,
}  # all other fields: account:read


class VisibleUserAnnotations(AccountStatusAnnotation, IntegrationsAnnotation):
    """What `serialize_user` needs besides the columns of a user."""


VisibleUser: TypeAlias = "WithAnnotations[User, VisibleUserAnnotations]"


def serialize_own_user(user: VisibleUser, scopes: Collection[str]) -> OwnResource:
    """Serialize `user` for a token of that user, limited to `scopes`."""

    def limit_to_scopes(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in fields.items()
            if name in _UNSCOPED_FIELDS or _FIELD_SCOPES.get(name, Scope.ACCOUNT_READ) in scopes
        }

    everything = serialize_user(user)
    contact = limit_to_scopes(everything.pop("contactInformation"))  # type: ignore[misc]
    return cast(OwnResource, limit_to_scopes(everything) | {"contactInformation": contact})


def compute_user_etag(user: VisibleUser) -> str:
    """Return the ETag of `user`. It changes with every field in the representation.

    The version alone is not enough: status, tenant, integrations and last login change without it.
    """
    tenant = user.external_tenant.name if user.external_tenant else ""
    others = (user.status, tenant, user.has_integrations, user.last_login)
    return f"{user.version}-{etags.hash_ordered(str(other) for other in others)[:16]}"


def get_visible_users(request: ApiRequest) -> QuerySet[VisibleUser]:
    """Return the users of the caller's office with the relations that `serialize_user` needs."""
    users = annotate_has_integrations(User.objects.visible_to(request.caller.user))
    return users.annotate(status=build_status_case()).select_related("provider", "external_tenant")


def annotate_filter_fields(users: QuerySet[VisibleUser], query: ListQuery) -> QuerySet[VisibleUser]:
    """Annotate the computed columns of FILTER_FIELDS that `query` names; omit the others because they cost time."""
    asked = query.filter + query.orderBy
    if "accessStatus" in asked:
        keys = {
            key: [status for status in AccountStatus if ACCESS_STATUS_KEYS[status] == key]
            for key in ACCESS_STATUS_KEYS.values()
        }
        whens = [When(Q(status__in=statuses), then=Value(key)) for key, statuses in keys.items()]
        users = users.annotate(access_key=Case(*whens))
    if "hasMultiFactorAuthentication" in asked:
        has_factor = ExpressionWrapper(Q(second_factor_at__isnull=False), output_field=BooleanField())
        users = users.annotate(has_factor=has_factor)
    return users


def get_user_or_404(request: ApiRequest, user_id: UUID) -> VisibleUser:
    """Return the user `user_id` of the caller's office. Raises ApiError (404)."""
    return errors.get_or_404(get_visible_users(request), user_id)


def lock_user(request: ApiRequest, user_id: UUID) -> AbstractContextManager[VisibleUser]:
    """Lock the user `user_id`, as `etags.lock_row` does, if `If-Match` names what was read."""
    return etags.lock_row(request, get_visible_users(request), user_id, etag=compute_user_etag)


def build_registration_level() -> MetadataValue:
    """Return the registration level of tenants: always the office, never an employer."""
    return MetadataValue(key="provider", value="Provider")


def serialize_user(user: VisibleUser) -> UserResource:
    tenant, status = user.external_tenant, AccountStatus(user.status)
    azure = None
    if tenant is not None:
        shown_tenant = Tenant(id=tenant.pk, description=tenant.name, tenantRegistrationLevel=build_registration_level())
        azure = AzureActiveDirectory(tenant=shown_tenant, userId=cast(UUID, user.external_user_id))
    return UserResource(
        id=user.pk,
        userName=user.username,
        loginMethod=MetadataValue(key=user.login_method, value=str(LoginMethod(user.login_method).label)),
        accessStatus=MetadataValue(key=ACCESS_STATUS_KEYS[status], value=str(status.label)),
        personalDetails=PersonalDetails(
            initials=user.initials,
            firstName=user.first_name or None,
            prefix=user.prefix or None,
            lastName=user.last_name,
        ),
        contactInformation=ContactInformation(
            emailAddress=user.email,
            phoneNumber=user.phone_number or None,
            placeOfEmployment=user.place_of_employment or None,
        ),
        azureActiveDirectory=azure,
        twoFactorAuthenticationRequired=user.two_factor_required,
        hasMultiFactorAuthentication=user.second_factor_at is not None,
        hasAccessToPayrollingTestData=user.has_access_to_test_years,
        hasIntegrations=user.has_integrations,
        accessUntil=user.access_until,
        dateTimeCreation=user.created_at,
        dateTimeLastLogin=user.last_login,
        userSpecifiedRole=None,  # not stored
        userCustomSpecifiedRole=None,
    )


def build_number_warnings(number: str | None) -> list[ApiMessage]:
    """Return a warning when `number`, in E.164, is not known to be a mobile one."""
    if number is None or is_known_mobile_number(number):
        return []
    text = _("We do not know this number as a mobile number. Check it.")
    return [build_information_message("mobile_number_unknown", text, "destinationForSecret")]
