"""What is sent: shapes only; what may stand in a field is checked by the forms and actions that the pages use."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from accounts.models import User
from notifications.catalogue import MAX_DAYS

Id = Annotated[UUID, Field(strict=False)]
Day = Annotated[date, Field(strict=False)]


class Input(BaseModel):
    """Something that is sent: nothing beside its fields, and no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Key(Input):
    """A metadata value; `value` may be sent back as it was read, and says nothing."""

    key: Annotated[str, Field(min_length=1, max_length=50)]
    value: str | None = None


class IdOnly(Input):
    """Something that exists, by its id."""

    id: Id


class NewPerson(Input):
    """How a new person is called."""

    initials: Annotated[str, Field(min_length=1, max_length=6, examples=["P."])]
    prefix: Annotated[str | None, Field(max_length=10, examples=["de"])] = None
    lastName: Annotated[str, Field(min_length=1, max_length=25, examples=["Boer"])]


class Person(NewPerson):
    """How a person is called."""

    firstName: Annotated[str | None, Field(max_length=28, examples=["Pieter"])] = None


class Contact(Input):
    """How and where a person is reached."""

    emailAddress: Annotated[str, Field(min_length=3, max_length=255, examples=["p.deboer@devries.example"])]
    phoneNumber: Annotated[str | None, Field(max_length=15, examples=["0201234567"])] = None
    placeOfEmployment: Annotated[str | None, Field(max_length=24, examples=["Utrecht"])] = None


class SsoAccount(Input):
    """Username and password of an SSO/Webservice user."""

    userName: Annotated[str, Field(min_length=3, max_length=50, examples=["koppeling-uren"])]
    password: Annotated[str, Field(min_length=8, max_length=255, examples=["Zonnebloem-42-veld"])]


class AzureAccount(Input):
    """An account at Microsoft: one of the office's tenants and somebody in it."""

    tenant: IdOnly
    externalUserId: Id
    userName: Annotated[str, Field(min_length=3, max_length=50, examples=["j.visser"])]


class NewUser(Input):
    """A user who is not invited: SSO/Webservice with `ssoAccount`, Azure AD with `azureActiveDirectory`."""

    loginMethod: Key
    personalDetails: NewPerson
    contactInformation: Contact
    hasAccessToPayrollingTestData: bool = False
    accessUntil: Day | None = None
    ssoAccount: SsoAccount | None = None
    azureActiveDirectory: AzureAccount | None = None


class Invite(Input):
    """A user via website and SSO, who gets an invitation."""

    personalDetails: NewPerson
    contactInformation: Contact
    hasAccessToPayrollingTestData: bool = False
    accessUntil: Day | None = None
    destinationForSecret: Annotated[str, Field(min_length=3, max_length=30, examples=["0612345678"])]
    twoFactorAuthenticationRequired: bool = False


class UserChange(Input):
    """The details of a user. What is left out stays as it is; null empties a text or `accessUntil`."""

    personalDetails: Person
    contactInformation: Contact
    hasAccessToPayrollingTestData: bool
    twoFactorAuthenticationRequired: bool | None = None
    hasMultiFactorAuthentication: bool | None = None
    accessUntil: Day | None = None


class ResendInformation(Input):
    """Where an invitation goes this time."""

    destinationForSecret: Annotated[str, Field(min_length=3, max_length=30, examples=["0612345678"])]
    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None
    twoFactorAuthenticationRequired: bool | None = None


class UserAction(Input):
    """What is done with a user; `resendInformation` belongs to `Resend`."""

    action: Literal["Resend", "Revoke", "Block", "Unblock"]
    resendInformation: ResendInformation | None = None


class ConfiguredTenant(Input):
    """The account at Microsoft of a user; both empty: he is invited again, by website, on `destinationForSecret`."""

    tenant: IdOnly | None
    userId: Id | None
    userName: Annotated[str | None, Field(min_length=3, max_length=50)] = None
    destinationForSecret: Annotated[str | None, Field(min_length=3, max_length=30)] = None


class OwnContact(Input):
    """How and where the user is reached; the address may be sent back as it was read, and is not changed here."""

    emailAddress: Annotated[str | None, Field(min_length=3, max_length=255)] = None
    phoneNumber: Annotated[str | None, Field(max_length=15, examples=["0201234567"])] = None
    placeOfEmployment: Annotated[str | None, Field(max_length=24, examples=["Utrecht"])] = None


class OwnChange(Input):
    """What a user may change about themselves. What is left out stays as it is, null empties it."""

    personalDetails: Person
    contactInformation: OwnContact


class Rights(Input):
    """All rights that are on afterwards: what is not sent is switched off."""

    authorizations: Annotated[list[Key], Field(max_length=100)]


class SignalChange(Input):
    """How one type of signal is wanted: a field that is left out stays as it is, null follows the office."""

    notificationType: Key
    isEnabled: bool | None = None
    createNumberOfDaysBeforeEvent: Annotated[int | None, Field(ge=0, le=MAX_DAYS)] = None
    sendMailWhenNotificationIsCreated: bool | None = None


class SignalChanges(Input):
    """The types of signals that change; the others stay as they are."""

    notificationSettings: Annotated[list[SignalChange], Field(max_length=100)]


class NewTeam(Input):
    """A team that is made, empty or with the rights of a set."""

    description: Annotated[str, Field(min_length=1, max_length=50, examples=["Loon Noord"])]
    authorizationSet: IdOnly | None = None


class TeamChange(Input):
    """The name of a team, and whether it asks its members for two-factor."""

    description: Annotated[str, Field(min_length=1, max_length=50, examples=["Loon Noord"])]
    twoFactorAuthenticationRequired: bool


class Contents(Input):
    """What is put into a team and what is taken out."""

    add: Annotated[list[IdOnly], Field(max_length=1000)] = []
    remove: Annotated[list[IdOnly], Field(max_length=1000)] = []


class NewEmployer(Input):
    """An employer that is made."""

    number: Annotated[int, Field(ge=1, le=99_999_999, examples=[1042])]
    description: Annotated[str, Field(min_length=1, max_length=70, examples=["Bakkerij Smit B.V."])]
    products: Annotated[list[Annotated[int, Field(examples=[290])]], Field(max_length=100)] = []


def of_person(
    person: NewPerson, contact: Contact | OwnContact, *, kept: User | None = None, **others: Any
) -> dict[str, Any]:
    """Return what was sent about a person under the names that forms know; what was left out stays as `kept` has it."""

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
