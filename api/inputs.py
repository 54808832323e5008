"""Schemas of request bodies. They check types only; values are checked by the forms and actions of the pages.

What a response shows besides may be sent back, and is ignored (`ReadOnly`): a body can be what was read before.
"""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from accounts.models import User
from notifications.catalog import MAX_OFFSET_DAYS

UuidString = Annotated[UUID, Field(strict=False)]
DateString = Annotated[date, Field(strict=False)]
MobileNumber = Annotated[str, Field(min_length=3, max_length=30, examples=["0612345678"])]
ReadOnly = Annotated[Any, Field(json_schema_extra={"readOnly": True})]
# Published, and not stored. A schema of null alone would be useless: TypeScript clients then leave the field out.
NotStored = Annotated[None, WithJsonSchema({"description": "Not stored: only null is accepted."})]
TeamName = Annotated[str, Field(min_length=1, max_length=50, examples=["Loon Noord"])]


class RequestBody(BaseModel):
    """Base of request bodies: no unknown fields and no type coercion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class MetadataInput(RequestBody):
    """A metadata value, by its `key` or by its `code`."""

    key: int | Annotated[str, Field(max_length=50)] | None = None
    code: Annotated[str | None, Field(max_length=50)] = None
    value: ReadOnly = None
    name: ReadOnly = None


class IdInput(RequestBody):
    """A reference by ID."""

    id: UuidString
    description: ReadOnly = None
    name: ReadOnly = None
    tenantRegistrationLevel: ReadOnly = None


class NewPersonalDetailsInput(RequestBody):
    """The name of a new user."""

    initials: Annotated[str, Field(min_length=1, max_length=6, examples=["P."])]
    prefix: Annotated[str | None, Field(max_length=10, examples=["de"])] = None
    lastName: Annotated[str, Field(min_length=1, max_length=25, examples=["Boer"])]


class PersonalDetailsInput(NewPersonalDetailsInput):
    """The name of a user."""

    firstName: Annotated[str | None, Field(max_length=28, examples=["Pieter"])] = None


class ContactInformationInput(RequestBody):
    """Contact information of a user."""

    emailAddress: Annotated[str, Field(min_length=3, max_length=255, examples=["p.deboer@devries.example"])]
    phoneNumber: Annotated[str | None, Field(max_length=15, examples=["0201234567"])] = None
    placeOfEmployment: Annotated[str | None, Field(max_length=24, examples=["Utrecht"])] = None


class SsoAccountInput(RequestBody):
    """Username and password of an SSO/Webservice user."""

    userName: Annotated[str, Field(min_length=3, max_length=50, examples=["koppeling-uren"])]
    password: Annotated[str, Field(min_length=8, max_length=255, examples=["Zonnebloem-42-veld"])]


class AzureAccountInput(RequestBody):
    """A Microsoft account in a tenant of the office."""

    tenant: IdInput
    externalUserId: UuidString
    userName: Annotated[str, Field(min_length=3, max_length=50, examples=["j.visser"])]


class MicrosoftAccountInput(RequestBody):
    """The Microsoft account of a user, as read."""

    tenant: IdInput
    userId: UuidString


class UserCreate(RequestBody):
    """A user created without an invitation: SSO/Webservice with `ssoAccount`, Azure AD with `azureActiveDirectory`."""

    loginMethod: MetadataInput
    personalDetails: NewPersonalDetailsInput
    contactInformation: ContactInformationInput
    hasAccessToPayrollingTestData: bool = False
    accessUntil: DateString | None = None
    ssoAccount: SsoAccountInput | None = None
    azureActiveDirectory: AzureAccountInput | None = None
    id: ReadOnly = None


class UserInvite(RequestBody):
    """A user via website and SSO, who is invited."""

    personalDetails: NewPersonalDetailsInput
    contactInformation: ContactInformationInput
    hasAccessToPayrollingTestData: bool = False
    accessUntil: DateString | None = None
    destinationForSecret: MobileNumber
    twoFactorAuthenticationRequired: bool = False


class ReadOnlyUserFields(RequestBody):
    """What is shown of a user and cannot be changed."""

    id: ReadOnly = None
    userName: ReadOnly = None
    accessStatus: ReadOnly = None
    hasIntegrations: ReadOnly = None
    isDepartmentManager: ReadOnly = None
    isLinkedToMultipleEmployers: ReadOnly = None
    dateTimeCreation: ReadOnly = None
    dateTimeModified: ReadOnly = None
    dateTimeLastLogin: ReadOnly = None
    userSpecifiedRole: NotStored = None
    userCustomSpecifiedRole: NotStored = None


class UserUpdate(ReadOnlyUserFields):
    """Details of a user, as read. Omitted fields are left unchanged; null clears a text or `accessUntil`."""

    personalDetails: PersonalDetailsInput
    contactInformation: ContactInformationInput
    hasAccessToPayrollingTestData: bool
    twoFactorAuthenticationRequired: bool | None = None
    hasMultiFactorAuthentication: bool | None = None
    accessUntil: DateString | None = None
    loginMethod: MetadataInput | None = None
    azureActiveDirectory: MicrosoftAccountInput | None = None


class ResendInformation(RequestBody):
    """Where to send the invitation this time."""

    destinationForSecret: MobileNumber
    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None
    twoFactorAuthenticationRequired: bool | None = None
    employerId: ReadOnly = None  # published for users of an employer


class UserAction(RequestBody):
    """An action on a user. `resendInformation` is for `Resend` only."""

    action: Literal["Resend", "Revoke", "Block", "Unblock", "EndSessions", "EndPreviousPassword"]
    resendInformation: ResendInformation | None = None


class ConfiguredTenantUpdate(RequestBody):
    """The Microsoft account of a user. If both are null, the user is invited again, on `destinationForSecret`."""

    externalTenant: IdInput | None = None
    externalUser: IdInput | None = None
    userName: Annotated[str | None, Field(min_length=3, max_length=50)] = None
    destinationForSecret: Annotated[str | None, Field(min_length=3, max_length=30)] = None


class OwnContactInput(ContactInformationInput):
    """Contact information of the user. The address may be sent back as read, and cannot be changed here."""

    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None  # type: ignore[assignment]


class OwnRoleInput(RequestBody):
    """The role of the user, which is not stored."""

    userSpecifiedRole: NotStored = None
    userCustomSpecifiedRole: NotStored = None


class OwnUserUpdate(ReadOnlyUserFields):
    """Details that users may change themselves, as read. Omitted fields are left unchanged; null clears a field."""

    personalDetails: PersonalDetailsInput
    contactInformation: OwnContactInput
    photo: ReadOnly = None
    user: OwnRoleInput | None = None
    loginMethod: ReadOnly = None
    azureActiveDirectory: ReadOnly = None
    twoFactorAuthenticationRequired: ReadOnly = None
    hasMultiFactorAuthentication: ReadOnly = None
    hasAccessToPayrollingTestData: ReadOnly = None
    accessUntil: ReadOnly = None


class RightInput(RequestBody):
    """A right, by its `id` or by its `code`."""

    id: UuidString | None = None
    code: Annotated[str | None, Field(max_length=50)] = None
    isEnabled: bool = True
    description: ReadOnly = None
    availableForEmployerUser: ReadOnly = None
    level: ReadOnly = None


class RightsUpdate(RequestBody):
    """The complete set of rights: rights that are omitted, or not enabled, are removed.

    `authorizationSet` names the set that they came from; it switches nothing.
    """

    authorizations: Annotated[list[RightInput], Field(max_length=200)]
    authorizationSet: IdInput | None = None


class NotificationSettingUpdate(RequestBody):
    """Settings of one notification type. Omitted fields are left unchanged; null follows the office."""

    notificationType: MetadataInput
    isEnabled: bool | None = None
    createNumberOfDaysBeforeEvent: Annotated[int | None, Field(ge=0, le=MAX_OFFSET_DAYS)] = None
    sendMailWhenNotificationIsCreated: bool | None = None
    receiveDepartmentSignalsOnly: ReadOnly = None  # departments are of an employer
    daysCountAfterEvent: ReadOnly = None
    deviations: ReadOnly = None


class NotificationSettingsUpdate(RequestBody):
    """Notification types to change; the others are left unchanged.

    `notificationSet` names the set that they came from; it switches nothing.
    """

    notifications: Annotated[list[NotificationSettingUpdate], Field(max_length=100)]
    notificationSet: IdInput | None = None


class TeamCreate(RequestBody):
    """A new team, empty or with the rights of an authorization set."""

    description: TeamName
    authorizationSet: IdInput | None = None
    twoFactorAuthenticationRequired: Annotated[
        Literal[False], Field(description="Always false: change it with PUT.")
    ] = False


class TeamUpdate(RequestBody):
    """The name of a team, and whether it requires two-factor authentication of its members."""

    description: TeamName
    twoFactorAuthenticationRequired: bool
    id: ReadOnly = None
    numberOfMembers: ReadOnly = None
    numberOfEmployers: ReadOnly = None
    numberOfAuthorizations: ReadOnly = None


class TeamContentsUpdate(RequestBody):
    """What to add to a team and what to remove."""

    add: Annotated[list[IdInput], Field(max_length=1000)] = []
    remove: Annotated[list[IdInput], Field(max_length=1000)] = []


class DecisionUpdate(RequestBody):
    """What a reviewer decides about a path. Keeping a conflict of duties takes a reason."""

    decision: Literal["keep", "revoke", "later"]
    reason: Annotated[str, Field(max_length=300)] = ""


def build_person_form_data(
    details: NewPersonalDetailsInput,
    contact: ContactInformationInput,
    *,
    current: User | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Return personal details as form data. Omitted fields keep the value of `current`."""

    def optional(sent: RequestBody, field: str, name: str) -> str:
        if current is not None and name not in sent.model_fields_set:
            return str(getattr(current, field))
        return getattr(sent, name, None) or ""

    return {
        "initials": details.initials,
        "first_name": optional(details, "first_name", "firstName"),
        "prefix": optional(details, "prefix", "prefix"),
        "last_name": details.lastName,
        "email": contact.emailAddress,
        "phone_number": optional(contact, "phone_number", "phoneNumber"),
        "place_of_employment": optional(contact, "place_of_employment", "placeOfEmployment"),
    } | others
