"""Schemas of users, and the fields that lists of users can be filtered and sorted on."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, NotRequired, cast
from uuid import UUID

from django.db.models import BooleanField, Case, ExpressionWrapper, Q, QuerySet, Value, When
from typing_extensions import TypedDict

from accounts.models import LoginMethod, User
from accounts.status import Status, with_access
from webservice.api import etags, faults
from webservice.api.door import ApiRequest
from webservice.api.envelopes import Metadata
from webservice.api.filters import Field, Kind
from webservice.api.listing import ListQuery
from webservice.models import with_integrations
from webservice.scopes import Scope

# The coarser statuses of the original API (domain.md section 6.1).
ACCESS = {
    Status.BLOCKED: "UserIsBlocked",
    Status.ENDED: "NoAccessToClient",
    Status.ACTIVE: "HasAccessToClient",
    Status.REVOKED: "InviteCancelled",
    Status.LOCKED: "InviteFailed",
    Status.EXPIRED: "InviteExpired",
    Status.REFUSED: "InviteFailed",
    Status.UNDELIVERED: "InviteFailed",
    Status.OPENED: "InvitePending",
    Status.SENDING: "InvitePending",
    Status.INVITED: "InvitePending",
}
FIELDS = {
    "id": Field("id", Kind.ID),
    "userName": Field("username"),
    "loginMethod.key": Field("login_method", Kind.KEY),
    "accessStatus.key": Field("access_key", Kind.KEY),
    "personalDetails.initials": Field("initials"),
    "personalDetails.firstName": Field("first_name"),
    "personalDetails.prefix": Field("prefix"),
    "personalDetails.lastName": Field("last_name"),
    "contactInformation.emailAddress": Field("email"),
    "contactInformation.phoneNumber": Field("phone_number"),
    "contactInformation.placeOfEmployment": Field("place_of_employment"),
    "azureActiveDirectory.userId": Field("external_user_id", Kind.ID),
    "twoFactorAuthenticationRequired": Field("two_factor_required", Kind.FLAG),
    "hasMultiFactorAuthentication": Field("has_factor", Kind.FLAG),
    "hasAccessToPayrollingTestData": Field("has_access_to_test_years", Kind.FLAG),
    "hasIntegrations": Field("has_integrations", Kind.FLAG),
    "dateTimeCreation": Field("created_at", Kind.MOMENT),
    "dateTimeLastLogin": Field("last_login", Kind.MOMENT),
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
    tenantRegistrationLevel: Metadata


class AzureActiveDirectory(TypedDict):
    """A Microsoft account."""

    tenant: Tenant
    userId: UUID


class UserResource(TypedDict):
    """A user."""

    id: UUID
    userName: str | None
    loginMethod: Metadata
    accessStatus: Metadata
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
    userSpecifiedRole: Metadata | None
    userCustomSpecifiedRole: str | None


class OwnContact(TypedDict):
    """Contact information of the user of the token."""

    emailAddress: NotRequired[str]
    phoneNumber: NotRequired[str | None]
    placeOfEmployment: NotRequired[str | None]


class OwnResource(TypedDict):
    """The user of the token. Fields that require a scope the token lacks are omitted."""

    id: UUID
    userName: NotRequired[str | None]
    personalDetails: PersonalDetails
    contactInformation: OwnContact
    loginMethod: NotRequired[Metadata]
    accessStatus: NotRequired[Metadata]
    azureActiveDirectory: NotRequired[AzureActiveDirectory | None]
    twoFactorAuthenticationRequired: NotRequired[bool]
    hasMultiFactorAuthentication: NotRequired[bool]
    hasAccessToPayrollingTestData: NotRequired[bool]
    hasIntegrations: NotRequired[bool]
    accessUntil: NotRequired[date | None]
    dateTimeCreation: NotRequired[datetime]
    dateTimeLastLogin: NotRequired[datetime | None]
    userSpecifiedRole: NotRequired[Metadata | None]
    userCustomSpecifiedRole: NotRequired[str | None]


# The scope that shows a field of the token's own user. ID and name need no additional scope.
_ALWAYS = ("id", "personalDetails")
_BY_SCOPE = {
    "userName": Scope.PROFILE,
    "emailAddress": Scope.EMAIL,
    "phoneNumber": Scope.PROFILE_WRITE,
    "placeOfEmployment": Scope.PROFILE_WRITE,
}  # all other fields: account:read


def shown_own(user: User, scopes: Collection[str]) -> OwnResource:
    """Serialize `user`, loaded by `visible`, for a token of that user, limited to `scopes`."""

    def told(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in fields.items()
            if name in _ALWAYS or _BY_SCOPE.get(name, Scope.ACCOUNT_READ) in scopes
        }

    everything = shown(user)
    contact = told(everything.pop("contactInformation"))  # type: ignore[misc]
    return cast(OwnResource, told(everything) | {"contactInformation": contact})


def etag(user: User) -> str:
    """Return the ETag of `user`, loaded by `visible`. It changes with every field in the representation.

    The version counts changes of the user only: status, tenant, integrations and last login change without it.
    """
    tenant = user.external_tenant.name if user.external_tenant else ""
    others = (user.status, tenant, user.has_integrations, user.last_login)  # type: ignore[attr-defined]
    return f"{user.version}-{etags.digest(str(other) for other in others)[:16]}"


def visible(request: ApiRequest) -> QuerySet[User]:
    """Return the users of the caller's office with the relations that `shown` needs."""
    people = with_integrations(with_access(User.objects.visible_to(request.caller.user)))
    return people.select_related("provider", "external_tenant")


def filterable(people: QuerySet[User], query: ListQuery) -> QuerySet[User]:
    """Annotate the computed columns of FIELDS that `query` names; the others are left out because they cost time."""
    asked = query.filter + query.orderBy
    if "accessStatus" in asked:
        keys = {key: [status for status in Status if ACCESS[status] == key] for key in ACCESS.values()}
        whens = [When(Q(status__in=statuses), then=Value(key)) for key, statuses in keys.items()]
        people = people.annotate(access_key=Case(*whens))
    if "hasMultiFactorAuthentication" in asked:
        has_factor = ExpressionWrapper(Q(second_factor_at__isnull=False), output_field=BooleanField())
        people = people.annotate(has_factor=has_factor)
    return people


def one(request: ApiRequest, id: UUID) -> User:
    """Return the user `id` of the caller's office. Raises Fault (404)."""
    person = visible(request).filter(pk=id).first()
    if person is None:
        raise faults.not_found()
    return person


def level() -> Metadata:
    """Return the registration level of tenants: always the office, never an employer."""
    return Metadata(key="provider", value="Provider")


def shown(user: User) -> UserResource:
    """Serialize `user`, loaded by `visible`."""
    tenant, status = user.external_tenant, Status(user.status)  # type: ignore[attr-defined]
    azure = None
    if tenant is not None:
        shown_tenant = Tenant(id=tenant.pk, description=tenant.name, tenantRegistrationLevel=level())
        azure = AzureActiveDirectory(tenant=shown_tenant, userId=cast(UUID, user.external_user_id))
    return UserResource(
        id=user.pk,
        userName=user.username,
        loginMethod=Metadata(key=user.login_method, value=str(LoginMethod(user.login_method).label)),
        accessStatus=Metadata(key=ACCESS[status], value=str(status.label)),
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
        hasIntegrations=user.has_integrations,  # type: ignore[attr-defined]
        accessUntil=user.access_until,
        dateTimeCreation=user.created_at,
        dateTimeLastLogin=user.last_login,
        userSpecifiedRole=None,  # not stored
        userCustomSpecifiedRole=None,
    )
