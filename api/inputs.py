"""Schemas of request bodies. They check types only; values are checked by the forms and actions of the pages."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from accounts.models import User
from notifications.catalog import MAX_OFFSET_DAYS

UuidString = Annotated[UUID, Field(strict=False)]
DateString = Annotated[date, Field(strict=False)]
MobileNumber = Annotated[str, Field(min_length=3, max_length=30, examples=["0612345678"])]
TeamName = Annotated[str, Field(min_length=1, max_length=50, examples=["Loon Noord"])]


class RequestBody(BaseModel):
    """Base of request bodies: no unknown fields and no type coercion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class MetadataInput(RequestBody):
    """A metadata value. `value` may be sent back as read, and is ignored."""

    key: Annotated[str, Field(min_length=1, max_length=50)]
    value: str | None = None


class IdInput(RequestBody):
    """A reference by ID."""

    id: UuidString


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


class UserCreate(RequestBody):
    """A user created without an invitation: SSO/Webservice with `ssoAccount`, Azure AD with `azureActiveDirectory`."""

    loginMethod: MetadataInput
    personalDetails: NewPersonalDetailsInput
    contactInformation: ContactInformationInput
    hasAccessToPayrollingTestData: bool = False
    accessUntil: DateString | None = None
    ssoAccount: SsoAccountInput | None = None
    azureActiveDirectory: AzureAccountInput | None = None


class UserInvite(RequestBody):
    """A user via website and SSO, who is invited."""

    personalDetails: NewPersonalDetailsInput
    contactInformation: ContactInformationInput
    hasAccessToPayrollingTestData: bool = False
    accessUntil: DateString | None = None
    destinationForSecret: MobileNumber
    twoFactorAuthenticationRequired: bool = False


class UserUpdate(RequestBody):
    """Details of a user. Omitted fields are left unchanged; null clears a text or `accessUntil`."""

    personalDetails: PersonalDetailsInput
    contactInformation: ContactInformationInput
    hasAccessToPayrollingTestData: bool
    twoFactorAuthenticationRequired: bool | None = None
    hasMultiFactorAuthentication: bool | None = None
    accessUntil: DateString | None = None


class ResendInformation(RequestBody):
    """Where to send the invitation this time."""

    destinationForSecret: MobileNumber
    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None
    twoFactorAuthenticationRequired: bool | None = None


class UserAction(RequestBody):
    """An action on a user. `resendInformation` is for `Resend` only."""

    action: Literal["Resend", "Revoke", "Block", "Unblock"]
    resendInformation: ResendInformation | None = None


class ConfiguredTenantUpdate(RequestBody):
    """The Microsoft account of a user. If both are null, the user is invited again, on `destinationForSecret`."""

    tenant: IdInput | None
    userId: UuidString | None
    userName: Annotated[str | None, Field(min_length=3, max_length=50)] = None
    destinationForSecret: Annotated[str | None, Field(min_length=3, max_length=30)] = None


class OwnContactInput(ContactInformationInput):
    """Contact information of the user. The address may be sent back as read, and cannot be changed here."""

    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None  # type: ignore[assignment]


class OwnUserUpdate(RequestBody):
    """Details that users may change themselves. Omitted fields are left unchanged; null clears a field."""

    personalDetails: PersonalDetailsInput
    contactInformation: OwnContactInput


class RightsUpdate(RequestBody):
    """The complete set of rights: rights that are omitted are removed."""

    authorizations: Annotated[list[MetadataInput], Field(max_length=100)]


class NotificationSettingUpdate(RequestBody):
    """Settings of one notification type. Omitted fields are left unchanged; null follows the office."""

    notificationType: MetadataInput
    isEnabled: bool | None = None
    createNumberOfDaysBeforeEvent: Annotated[int | None, Field(ge=0, le=MAX_OFFSET_DAYS)] = None
    sendMailWhenNotificationIsCreated: bool | None = None


class NotificationSettingsUpdate(RequestBody):
    """Notification types to change; the others are left unchanged."""

    notificationSettings: Annotated[list[NotificationSettingUpdate], Field(max_length=100)]


class TeamCreate(RequestBody):
    """A new team, empty or with the rights of an authorization set."""

    description: TeamName
    authorizationSet: IdInput | None = None


class TeamUpdate(RequestBody):
    """The name of a team, and whether it requires two-factor authentication of its members."""

    description: TeamName
    twoFactorAuthenticationRequired: bool


class TeamContentsUpdate(RequestBody):
    """What to add to a team and what to remove."""

    add: Annotated[list[IdInput], Field(max_length=1000)] = []
    remove: Annotated[list[IdInput], Field(max_length=1000)] = []


class EmployerCreate(RequestBody):
    """A new employer."""

    number: Annotated[int, Field(ge=1, le=99_999_999, examples=[1042])]
    description: Annotated[str, Field(min_length=1, max_length=70, examples=["Bakkerij Smit B.V."])]
    products: Annotated[list[Annotated[int, Field(examples=[290])]], Field(max_length=100)] = []


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
