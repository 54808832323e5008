"""Employers: the clients of the office."""

from typing import Annotated, Any, TypeAlias, cast
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from ninja import Query
from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

import teams.employers
from accounts.models import User
from api import errors
from api.auth import ApiRequest
from api.errors import validate_form
from api.filters import FieldType, FilterField
from api.inputs import MetadataInput, NotStored, ReadOnly, RequestBody
from api.listing import ListQuery, render_list, render_whole_list
from api.operations import Operations
from api.schemas import MetadataField, MetadataOption, MetadataValue, render_item
from oauth.scopes import Scope
from permissions.checks import Right
from permissions.models import Employer, TeamEmployer
from permissions.products import Product
from teams.forms.employers import NewEmployerForm

operations = Operations("employers", read=Scope.TEAMS_READ, write=Scope.TEAMS_WRITE)
FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "number": FilterField("number", FieldType.NUMBER),
    "employerNumber": FilterField("number", FieldType.NUMBER),
    "description": FilterField("name"),
    "companyName": FilterField("name"),
}
NotKept: TypeAlias = None
_NotStoredMembers = Annotated[
    dict[str, None] | None, WithJsonSchema({"description": "Not stored: only members that are null are accepted."})
]


class EmployerAddress(TypedDict):
    """The address of an employer, which is kept by the payroll product."""

    city: NotKept
    country: NotKept
    furtherIndication: NotKept
    houseNumber: NotKept
    houseNumberAddition: NotKept
    location: NotKept
    postalCode: NotKept
    province: NotKept
    street: NotKept


class EmployerSettings(TypedDict):
    """Settings of an employer, which are kept by the payroll product."""

    administrationNumber: NotKept
    groupCode: NotKept
    parentEmployerForConsolidatedOverviews: NotKept
    sendEmailWhenSalarySlipIsAvailable: NotKept


class EmployerResource(TypedDict):
    """A client of the office, with its active products. Null is what is kept by the payroll product only.

    `employerNumber` and `number` are the same, and so are `companyName` and `description`.
    """

    id: UUID
    employerNumber: int
    number: int
    companyName: str
    description: str
    products: list[MetadataValue]
    address: EmployerAddress
    branch: NotKept
    chamberOfCommerceNumber: NotKept
    contact: NotKept
    contactInformation: NotKept
    deviatingPostalAddress: NotKept
    employerLogo: NotKept
    legalForm: NotKept
    providerLogo: NotKept
    providerSettings: EmployerSettings
    sbi: NotKept


class WorkplaceAddress(TypedDict):
    """The address of an employer, which is kept by the payroll product."""

    city: NotKept
    houseNumber: NotKept
    postalCode: NotKept
    street: NotKept


class WorkplaceContact(TypedDict):
    """The contact of an employer, which is kept by the payroll product."""

    name: NotKept
    phoneNumber: NotKept


class WorkplaceContactInformation(TypedDict):
    """Contact information of an employer, which is kept by the payroll product."""

    phoneNumber: NotKept


class WorkplaceSettings(TypedDict):
    """Settings of an employer, which are kept by the payroll product."""

    administrationNumber: NotKept
    groupCode: NotKept


class WorkplaceResource(TypedDict):
    """An employer that a user can access. Null is what is kept by the payroll product only."""

    id: UUID
    employerNumber: int
    companyName: str
    address: WorkplaceAddress
    branch: NotKept
    contact: WorkplaceContact
    contactInformation: WorkplaceContactInformation
    employerLogo: NotKept
    providerLogo: NotKept
    providerSettings: WorkplaceSettings


class EmployerCreate(RequestBody):
    """A new employer. `companyName` is its name; the name can be in `description` instead.

    What the payroll product keeps may be sent back as read: null, also within `address` and `providerSettings`.
    """

    number: Annotated[int, Field(ge=1, le=99_999_999, examples=[1042])]
    companyName: Annotated[str | None, Field(min_length=1, max_length=70, examples=["Bakkerij Smit B.V."])] = None
    description: Annotated[str | None, Field(min_length=1, max_length=70)] = None
    products: Annotated[list[Annotated[int, Field(examples=[290])] | MetadataInput], Field(max_length=100)] = []
    id: ReadOnly = None
    employerNumber: ReadOnly = None
    employerLogo: ReadOnly = None
    providerLogo: ReadOnly = None
    address: _NotStoredMembers = None
    branch: NotStored = None
    chamberOfCommerceNumber: NotStored = None
    contact: NotStored = None
    contactInformation: NotStored = None
    deviatingPostalAddress: NotStored = None
    legalForm: NotStored = None
    providerSettings: _NotStoredMembers = None
    sbi: NotStored = None


class EmployerDefaults(TypedDict):
    """Default values of a new employer."""

    products: list[MetadataValue]


def _serialize_product(number: int) -> MetadataValue:
    product = Product(number)
    return MetadataValue(key=number, value=str(product.label), code=product.name.lower())


def serialize_employer(employer: Employer) -> EmployerResource:
    content = dict.fromkeys(EmployerResource.__annotations__) | {
        "id": employer.pk,
        "employerNumber": employer.number,
        "number": employer.number,
        "companyName": employer.name,
        "description": employer.name,
        "products": [_serialize_product(number) for number in employer.products],
        "address": dict.fromkeys(EmployerAddress.__annotations__),
        "providerSettings": dict.fromkeys(EmployerSettings.__annotations__),
    }
    return cast(EmployerResource, content)


def _serialize_workplace(employer: Employer) -> WorkplaceResource:
    content = dict.fromkeys(WorkplaceResource.__annotations__) | {
        "id": employer.pk,
        "employerNumber": employer.number,
        "companyName": employer.name,
        "address": dict.fromkeys(WorkplaceAddress.__annotations__),
        "contact": dict.fromkeys(WorkplaceContact.__annotations__),
        "contactInformation": dict.fromkeys(WorkplaceContactInformation.__annotations__),
        "providerSettings": dict.fromkeys(WorkplaceSettings.__annotations__),
    }
    return cast(WorkplaceResource, content)


@operations.get_list(
    "/providers/{uuid:provider_id}/employers",
    "GetEmployersByProviderId",
    EmployerResource,
    Right.MANAGE_EMPLOYERS,
    fields=FILTER_FIELDS,
)
def list_employers(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the employers of the office, by name."""
    rows = Employer.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, FILTER_FIELDS, serialize_employer, order="sort_name")


@operations.get_list(
    "/providers/employers",
    "GetEmployersByUser",
    EmployerResource,
    Right.MANAGE_EMPLOYERS,
    fields=FILTER_FIELDS,
)
def list_own_employers(request: ApiRequest, query: Query[ListQuery]) -> HttpResponse:
    """List the employers of the office of the token's user, by name."""
    return list_employers(request, provider_id=request.caller.user.office.pk, query=query)


@operations.get_list(
    "/providers/users/{uuid:user_id}/employers",
    "GetEmployersByUserId",
    WorkplaceResource,
    Right.VIEW_TEAMS,
    fields=FILTER_FIELDS,
)
def list_employers_of_user(request: ApiRequest, user_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the employers that the teams of a user give access to, by name."""
    user = errors.get_or_404(User.objects.visible_to(request.caller.user), user_id)
    rows = Employer.objects.visible_to(request.caller.user)
    rows = rows.filter(Exists(TeamEmployer.objects.filter(employer=OuterRef("pk"), team__members__user=user)))
    return render_list(request, rows, query, FILTER_FIELDS, _serialize_workplace, order="sort_name")


@operations.get_whole_list(
    "/providers/{uuid:provider_id}/employers/metadata",
    "GetEmployerMetadataByProviderId",
    MetadataField,
    Right.MANAGE_EMPLOYERS,
)
def get_employer_metadata(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the allowed values of the metadata fields of an employer."""
    options = [cast(MetadataOption, _serialize_product(product)) for product in Product]
    return render_whole_list(request, [MetadataField(field="products", options=options)])


@operations.get_item(
    "/providers/{uuid:provider_id}/employers/defaults",
    "GetEmployerDefaultsByProviderId",
    EmployerDefaults,
    Right.MANAGE_EMPLOYERS,
)
def get_employer_defaults(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the default values of a new employer."""
    return render_item(request, EmployerDefaults(products=[]))


@operations.post(
    "/providers/{uuid:provider_id}/employers", "PostEmployerByProviderId", EmployerResource, Right.MANAGE_EMPLOYERS
)
def post_employer(request: ApiRequest, provider_id: UUID, body: EmployerCreate) -> HttpResponse:
    """Create an employer. It is not assigned to any team yet."""
    products = [part.key if isinstance(part, MetadataInput) else part for part in body.products]
    sent: dict[str, Any] = {
        "number": body.number,
        "name": body.companyName or body.description,
        "products": products,
    }
    values = validate_form(NewEmployerForm(sent)).cleaned_data
    provider = request.caller.user.office
    employer = teams.employers.create_employer(
        provider, number=values["number"], name=values["name"], products=values["products"], by=request.by
    )
    return render_item(request, serialize_employer(employer), status=201)
