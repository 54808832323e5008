"""Schemas of request bodies. They check types only; values are checked by the forms and actions of the pages."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from accounts.models import User
from notifications.catalogue import MAX_DAYS

Id = Annotated[UUID, Field(strict=False)]
Day = Annotated[date, Field(strict=False)]


class Input(BaseModel):
    """Base of request bodies: no unknown fields and no type coercion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Key(Input):
    """A metadata value. `value` may be sent back as read, and is ignored."""

    key: Annotated[str, Field(min_length=1, max_length=50)]
    value: str | None = None


class IdOnly(Input):
    """A reference by ID."""

    id: Id


class NewPerson(Input):
    """The name of a new user."""

    initials: Annotated[str, Field(min_length=1, max_length=6, examples=["P."])]
    prefix: Annotated[str | None, Field(max_length=10, examples=["de"])] = None
    lastName: Annotated[str, Field(min_length=1, max_length=25, examples=["Boer"])]


class Person(NewPerson):
    """The name of a user."""

    firstName: Annotated[str | None, Field(max_length=28, examples=["Pieter"])] = None


class Contact(Input):
    """Contact information of a user."""

    emailAddress: Annotated[str, Field(min_length=3, max_length=255, examples=["p.deboer@devries.example"])]
    phoneNumber: Annotated[str | None, Field(max_length=15, examples=["0201234567"])] = None
    placeOfEmployment: Annotated[str | None, Field(max_length=24, examples=["Utrecht"])] = None


class SsoAccount(Input):
    """Username and password of an SSO/Webservice user."""

    userName: Annotated[str, Field(min_length=3, max_length=50, examples=["koppeling-uren"])]
    password: Annotated[str, Field(min_length=8, max_length=255, examples=["Zonnebloem-42-veld"])]


class AzureAccount(Input):
    """A Microsoft account in a tenant of the office."""

    tenant: IdOnly
    externalUserId: Id
    userName: Annotated[str, Field(min_length=3, max_length=50, examples=["j.visser"])]


class NewUser(Input):
    """A user created without an invitation: SSO/Webservice with `ssoAccount`, Azure AD with `azureActiveDirectory`."""

    loginMethod: Key
    personalDetails: NewPerson
    contactInformation: Contact
    hasAccessToPayrollingTestData: bool = False
    accessUntil: Day | None = None
    ssoAccount: SsoAccount | None = None
    azureActiveDirectory: AzureAccount | None = None


class Invite(Input):
    """A user via website and SSO, who is invited."""

    personalDetails: NewPerson
    contactInformation: Contact
    hasAccessToPayrollingTestData: bool = False
    accessUntil: Day | None = None
    destinationForSecret: Annotated[str, Field(min_length=3, max_length=30, examples=["0612345678"])]
    twoFactorAuthenticationRequired: bool = False


class UserChange(Input):
    """Details of a user. Omitted fields are left unchanged; null clears a text or `accessUntil`."""

    personalDetails: Person
    contactInformation: Contact
    hasAccessToPayrollingTestData: bool
    twoFactorAuthenticationRequired: bool | None = None
    hasMultiFactorAuthentication: bool | None = None
    accessUntil: Day | None = None


class ResendInformation(Input):
    """Where to send the invitation this time."""

    destinationForSecret: Annotated[str, Field(min_length=3, max_length=30, examples=["0612345678"])]
    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None
    twoFactorAuthenticationRequired: bool | None = None


class UserAction(Input):
    """An action on a user. `resendInformation` is for `Resend` only."""

    action: Literal["Resend", "Revoke", "Block", "Unblock"]
    resendInformation: ResendInformation | None = None


class ConfiguredTenant(Input):
    """The Microsoft account of a user. If both are null, the user is invited again, on `destinationForSecret`."""

    tenant: IdOnly | None
    userId: Id | None
    userName: Annotated[str | None, Field(min_length=3, max_length=50)] = None
    destinationForSecret: Annotated[str | None, Field(min_length=3, max_length=30)] = None


class OwnContact(Input):
    """Contact information of the user. The address may be sent back as read, and cannot be changed here."""

    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None
    phoneNumber: Annotated[str | None, Field(max_length=15, examples=["0201234567"])] = None
    placeOfEmployment: Annotated[str | None, Field(max_length=24, examples=["Utrecht"])] = None


class OwnChange(Input):
    """Details that users may change themselves. Omitted fields are left unchanged; null clears a field."""

    personalDetails: Person
    contactInformation: OwnContact


class Rights(Input):
    """The complete set of rights: rights that are omitted are removed."""

    authorizations: Annotated[list[Key], Field(max_length=100)]


class SignalChange(Input):
    """Settings of one notification type. Omitted fields are left unchanged; null follows the office."""

    notificationType: Key
    isEnabled: bool | None = None
    createNumberOfDaysBeforeEvent: Annotated[int | None, Field(ge=0, le=MAX_DAYS)] = None
    sendMailWhenNotificationIsCreated: bool | None = None


class SignalChanges(Input):
    """Notification types to change; the others are left unchanged."""

    notificationSettings: Annotated[list[SignalChange], Field(max_length=100)]


class NewTeam(Input):
    """A new team, empty or with the rights of an authorization set."""

    description: Annotated[str, Field(min_length=1, max_length=50, examples=["Loon Noord"])]
    authorizationSet: IdOnly | None = None


class TeamChange(Input):
    """The name of a team, and whether it requires two-factor authentication of its members."""

    description: Annotated[str, Field(min_length=1, max_length=50, examples=["Loon Noord"])]
    twoFactorAuthenticationRequired: bool


class Contents(Input):
    """What to add to a team and what to remove."""

    add: Annotated[list[IdOnly], Field(max_length=1000)] = []
    remove: Annotated[list[IdOnly], Field(max_length=1000)] = []


class NewEmployer(Input):
    """A new employer."""

    number: Annotated[int, Field(ge=1, le=99_999_999, examples=[1042])]
    description: Annotated[str, Field(min_length=1, max_length=70, examples=["Bakkerij Smit B.V."])]
    products: Annotated[list[Annotated[int, Field(examples=[290])]], Field(max_length=100)] = []


def of_person(
    person: NewPerson, contact: Contact | OwnContact, *, kept: User | None = None, **others: Any
) -> dict[str, Any]:
    """Return personal details as form data. Omitted fields keep the value of `kept`."""

    def optional(sent: Input, field: str, name: str) -> str:
        if kept is not None and name not in sent.model_fields_set:
            return str(getattr(kept, field))
        return getattr(sent, name, None) or ""

    return {
        "initials": person.initials,
        "first_name": optional(person, "first_name", "firstName"),
        "prefix": optional(person, "prefix", "prefix"),
        "last_name": person.lastName,
        "email": contact.emailAddress,
        "phone_number": optional(contact, "phone_number", "phoneNumber"),
        "place_of_employment": optional(contact, "place_of_employment", "placeOfEmployment"),
    } | others
