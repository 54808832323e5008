"""Employers: the clients of the office."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Query
from typing_extensions import TypedDict

import teams.employers
from api.auth import ApiRequest
from api.errors import validate_form
from api.filters import FieldType, FilterField
from api.inputs import EmployerCreate
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import MetadataValue, render_item
from oauth.scopes import Scope
from permissions.checks import Right
from permissions.models import Employer
from permissions.products import Product
from teams.forms.employers import NewEmployerForm

operations = Operations("employers", read=Scope.TEAMS_READ, write=Scope.TEAMS_WRITE)
FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "number": FilterField("number", FieldType.NUMBER),
    "description": FilterField("name"),
}


class EmployerResource(TypedDict):
    """A client of the office, with its active products."""

    id: UUID
    number: int
    description: str
    products: list[MetadataValue]


class EmployerMetadata(TypedDict):
    """Allowed values of the metadata fields of an employer."""

    products: list[MetadataValue]


class EmployerDefaults(TypedDict):
    """Default values of a new employer."""

    products: list[MetadataValue]


def _serialize_product(number: int) -> MetadataValue:
    return MetadataValue(key=str(number), value=str(Product(number).label))


def serialize_employer(employer: Employer) -> EmployerResource:
    products = [_serialize_product(number) for number in employer.products]
    return EmployerResource(id=employer.pk, number=employer.number, description=employer.name, products=products)


@operations.get_list(
    "/providers/{uuid:provider_id}/employers", "GetEmployersByProviderId", EmployerResource, Right.MANAGE_EMPLOYERS
)
def list_employers(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the employers of the office, by name."""
    rows = Employer.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, FILTER_FIELDS, serialize_employer, order="sort_name")


@operations.get_item(
    "/providers/{uuid:provider_id}/employers/metadata", "GetEmployerMetadata", EmployerMetadata, Right.MANAGE_EMPLOYERS
)
def get_employer_metadata(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the allowed values of the metadata fields of an employer."""
    return render_item(request, EmployerMetadata(products=[_serialize_product(product) for product in Product]))


@operations.get_item(
    "/providers/{uuid:provider_id}/employers/defaults", "GetEmployerDefaults", EmployerDefaults, Right.MANAGE_EMPLOYERS
)
def get_employer_defaults(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the default values of a new employer."""
    return render_item(request, EmployerDefaults(products=[]))


@operations.post(
    "/providers/{uuid:provider_id}/employers", "PostEmployerByProviderId", EmployerResource, Right.MANAGE_EMPLOYERS
)
def post_employer(request: ApiRequest, provider_id: UUID, body: EmployerCreate) -> HttpResponse:
    """Create an employer. It is not assigned to any team yet."""
    sent: dict[str, Any] = {"number": body.number, "name": body.description, "products": body.products}
    values = validate_form(NewEmployerForm(sent)).cleaned_data
    provider = request.caller.user.office
    employer = teams.employers.create_employer(
        provider, number=values["number"], name=values["name"], products=values["products"], by=request.by
    )
    return render_item(request, serialize_employer(employer), status=201)
