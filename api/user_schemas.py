"""Schemas of users, and how they are found, locked and serialized."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeAlias, cast
from uuid import UUID

from django.db.models import (
    Exists,
    OuterRef,
    QuerySet,
)
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

from accounts.models import LoginMethod, User
from api import errors, etags, metadata
from api.auth import ApiRequest
from api.changes import build_modified_at
from api.schemas import ApiMessage, MetadataValue, build_warning
from invitations.phone_numbers import is_known_mobile_number
from oauth.models import IntegrationsAnnotation, annotate_has_integrations
from oauth.scopes import Scope
from permissions.models import TeamEmployer
from users.status import AccountStatus, AccountStatusAnnotation, build_status_case

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


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
    tenantRegistrationLevel: Literal["provider", "employer"]


class AzureActiveDirectory(TypedDict):
    """A Microsoft account."""

    tenant: Tenant
    userId: UUID


class AccessStatus(MetadataValue):
    """The status of an account; `name` is the coarser status of the published API."""

    name: str


class UserResource(TypedDict):
    """A user."""

    id: UUID
    userName: str | None
    loginMethod: MetadataValue
    accessStatus: AccessStatus
    personalDetails: PersonalDetails
    contactInformation: ContactInformation
    azureActiveDirectory: AzureActiveDirectory | None
    twoFactorAuthenticationRequired: bool
    hasMultiFactorAuthentication: bool
    hasAccessToPayrollingTestData: bool
    hasIntegrations: bool
    isDepartmentManager: bool
    isLinkedToMultipleEmployers: bool
    accessUntil: date | None
    dateTimeCreation: datetime
    dateTimeModified: datetime
    dateTimeLastLogin: datetime | None
    userSpecifiedRole: MetadataValue | None
    userCustomSpecifiedRole: str | None


class OwnRole(TypedDict):
    """The role of a user, which is not stored."""

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
    accessStatus: NotRequired[AccessStatus]
    azureActiveDirectory: NotRequired[AzureActiveDirectory | None]
    twoFactorAuthenticationRequired: NotRequired[bool]
    hasMultiFactorAuthentication: NotRequired[bool]
    hasAccessToPayrollingTestData: NotRequired[bool]
    hasIntegrations: NotRequired[bool]
    isDepartmentManager: NotRequired[bool]
    isLinkedToMultipleEmployers: NotRequired[bool]
    photo: str | None
    user: OwnRole
    accessUntil: NotRequired[date | None]
    dateTimeCreation: NotRequired[datetime]
    dateTimeModified: NotRequired[datetime]
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

    has_several_employers: bool
    modified_at: datetime


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
    role = OwnRole(userSpecifiedRole=None, userCustomSpecifiedRole=None)
    return cast(OwnResource, limit_to_scopes(everything) | {"contactInformation": contact, "photo": None, "user": role})


def compute_user_etag(user: VisibleUser) -> str:
    """Return the ETag of `user`. It changes with every field in the representation.

    The version alone is not enough: status, tenant, integrations and last login change without it.
    """
    tenant = user.external_tenant.name if user.external_tenant else ""
    others = (user.status, tenant, user.has_integrations, user.last_login, user.has_several_employers, user.modified_at)
    return f"{user.version}-{etags.hash_ordered(str(other) for other in others)[:16]}"


def get_visible_users(request: ApiRequest) -> QuerySet[VisibleUser]:
    """Return the users of the caller's office with the relations that `serialize_user` and the actions need."""
    return annotate_users(User.objects.visible_to(request.caller.user)).select_related("provider")


def annotate_users(users: QuerySet[User]) -> QuerySet[VisibleUser]:
    """Add what `serialize_user` needs."""
    employers = TeamEmployer.objects.filter(team__members__user=OuterRef("pk")).values("employer").distinct()
    annotated = annotate_has_integrations(users).annotate(
        status=build_status_case(), has_several_employers=Exists(employers[1:2]), modified_at=build_modified_at()
    )
    return annotated.select_related("external_tenant")


def get_user_or_404(request: ApiRequest, user_id: UUID) -> VisibleUser:
    """Return the user `user_id` of the caller's office. Raises ApiError (404)."""
    return errors.get_or_404(get_visible_users(request), user_id)


def lock_user(request: ApiRequest, user_id: UUID) -> AbstractContextManager[VisibleUser]:
    """Lock the user `user_id`, as `etags.lock_row` does, if `If-Match` names what was read."""
    return etags.lock_row(request, get_visible_users(request), user_id, etag=compute_user_etag)


def serialize_user(user: VisibleUser) -> UserResource:
    tenant, status = user.external_tenant, AccountStatus(user.status)
    azure = None
    if tenant is not None:
        shown_tenant = Tenant(id=tenant.pk, description=tenant.name, tenantRegistrationLevel="provider")
        azure = AzureActiveDirectory(tenant=shown_tenant, userId=cast(UUID, user.external_user_id))
    return UserResource(
        id=user.pk,
        userName=user.username,
        loginMethod=metadata.serialize_metadata(metadata.LOGIN_METHOD_KEYS, LoginMethod(user.login_method)),
        accessStatus=AccessStatus(
            **metadata.serialize_metadata(metadata.ACCESS_STATUS_KEYS, status),
            name=metadata.ACCESS_STATUS_NAMES[status],
        ),
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
        isDepartmentManager=False,  # departments are of an employer
        isLinkedToMultipleEmployers=user.has_several_employers,
        accessUntil=user.access_until,
        dateTimeCreation=user.created_at,
        dateTimeModified=user.modified_at,
        dateTimeLastLogin=user.last_login,
        userSpecifiedRole=None,  # not stored
        userCustomSpecifiedRole=None,
    )


def build_number_warnings(number: str | None) -> list[ApiMessage]:
    """Return a warning when `number`, in E.164, is not known to be a mobile one."""
    if number is None or is_known_mobile_number(number):
        return []
    text = _("We do not know this number as a mobile number. Check it.")
    return [build_warning("mobile_number_unknown", text, "destinationForSecret")]
