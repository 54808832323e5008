"""Employers: the clients of the office."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from typing_extensions import TypedDict

import teams.employers
from teams.forms.employers import NewEmployerForm
from teams.models import Employer
from teams.products import Product
from teams.rights import Right
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Listed, Metadata, answer
from webservice.api.faults import checked
from webservice.api.filters import Field, Kind
from webservice.api.idempotency import once
from webservice.api.inputs import NewEmployer
from webservice.api.listing import ListQuery, listed
from webservice.api.responses import makes, reads
from webservice.scopes import Scope

router = Router(tags=["employers"])
FIELDS = {
    "id": Field("id", Kind.ID),
    "number": Field("number", Kind.NUMBER),
    "description": Field("name"),
}


class EmployerResource(TypedDict):
    """A client of the office, with its active products."""

    id: UUID
    number: int
    description: str
    products: list[Metadata]


class EmployerMetadata(TypedDict):
    """Allowed values of the metadata fields of an employer."""

    products: list[Metadata]


class EmployerDefaults(TypedDict):
    """Default values of a new employer."""

    products: list[Metadata]


def _product(number: int) -> Metadata:
    return Metadata(key=str(number), value=str(Product(number).label))


def shown_employer(employer: Employer) -> EmployerResource:
    products = [_product(number) for number in employer.products]
    return EmployerResource(id=employer.pk, number=employer.number, description=employer.name, products=products)


@router.get(
    "/providers/{uuid:provider_id}/employers",
    operation_id="GetEmployersByProviderId",
    response=reads(Listed[EmployerResource], 400, 404),
    **needs(Scope.TEAMS_READ, Right.MANAGE_EMPLOYERS),
)
def list_employers(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the employers of the office, by name."""
    require_office(request, provider_id)
    rows = Employer.objects.visible_to(request.caller.user)
    return listed(request, rows, query, fields=FIELDS, order=("sort_name",), shown=shown_employer)


@router.get(
    "/providers/{uuid:provider_id}/employers/metadata",
    operation_id="GetEmployerMetadata",
    response=reads(Answer[EmployerMetadata], 404),
    **needs(Scope.TEAMS_READ, Right.MANAGE_EMPLOYERS),
)
def employer_metadata(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the allowed values of the metadata fields of an employer."""
    require_office(request, provider_id)
    return answer(request, EmployerMetadata(products=[_product(product) for product in Product]))


@router.get(
    "/providers/{uuid:provider_id}/employers/defaults",
    operation_id="GetEmployerDefaults",
    response=reads(Answer[EmployerDefaults], 404),
    **needs(Scope.TEAMS_READ, Right.MANAGE_EMPLOYERS),
)
def employer_defaults(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the default values of a new employer."""
    require_office(request, provider_id)
    return answer(request, EmployerDefaults(products=[]))


@router.post(
    "/providers/{uuid:provider_id}/employers",
    operation_id="PostEmployerByProviderId",
    response=makes(Answer[EmployerResource]),
    **needs(Scope.TEAMS_WRITE, Right.MANAGE_EMPLOYERS),
)
@once
def post_employer(request: ApiRequest, provider_id: UUID, body: NewEmployer) -> HttpResponse:
    """Create an employer. It is not assigned to any team yet."""
    require_office(request, provider_id)
    sent: dict[str, Any] = {"number": body.number, "name": body.description, "products": body.products}
    values = checked(NewEmployerForm(sent)).cleaned_data
    provider = request.caller.user.provider
    made = teams.employers.create(
        provider, number=values["number"], name=values["name"], products=values["products"], by=request.by
    )
    return answer(request, shown_employer(made), status=201)
