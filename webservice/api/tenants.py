"""Azure AD tenants of the office, and the Microsoft account of a user."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router

import invitations.kinds
from accounts.models import ExternalTenant, User
from invitations.phones import mobile_number
from teams.rights import Right
from webservice.api import etags, faults, people
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Listed, answer
from webservice.api.faults import Fault
from webservice.api.filters import Field, Kind
from webservice.api.inputs import ConfiguredTenant
from webservice.api.listing import ListQuery, listed
from webservice.api.people import AzureActiveDirectory, Tenant
from webservice.api.responses import changes, reads
from webservice.scopes import Scope

router = Router(tags=["tenants"])
FIELDS = {"id": Field("id", Kind.ID), "description": Field("name"), "externalId": Field("tenant_id", Kind.ID)}


class TenantResource(Tenant):
    """An Azure AD tenant of the office. Users can be linked to it once it is verified."""

    externalId: UUID
    isConfirmed: bool


def _shown(tenant: ExternalTenant) -> TenantResource:
    return TenantResource(
        id=tenant.pk,
        description=tenant.name,
        tenantRegistrationLevel=people.level(),
        externalId=tenant.tenant_id,
        isConfirmed=tenant.proved_at is not None,
    )


@router.get(
    "/providers/{uuid:provider_id}/externaltenants",
    operation_id="GetExternalTenantsByProviderId",
    response=reads(Listed[TenantResource], 400, 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def list_tenants(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the Azure AD tenants of the office."""
    require_office(request, provider_id)
    rows = ExternalTenant.objects.visible_to(request.caller.user)
    return listed(request, rows, query, fields=FIELDS, order=("name",), shown=_shown)


@router.get(
    "/providers/users/{uuid:user_id}/configuredexternaltenant",
    operation_id="GetConfiguredExternalTenantByUserId",
    response=reads(Answer[AzureActiveDirectory | None], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def get_configured(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the Microsoft account of a user, null for other login methods."""
    return _of(request, user_id)


def _of(request: ApiRequest, user_id: UUID) -> HttpResponse:
    person = people.one(request, user_id)
    return answer(request, people.shown(person)["azureActiveDirectory"], etag=people.etag(person))


@router.patch(
    "/providers/users/{uuid:user_id}/configuredexternaltenant",
    operation_id="PatchConfiguredExternalTenantByUserId",
    response=changes(Answer[AzureActiveDirectory | None]),
    **needs(Scope.USERS_WRITE, Right.MANAGE_USERS),
)
def patch_configured(request: ApiRequest, user_id: UUID, body: ConfiguredTenant) -> HttpResponse:
    """Switch a user to signing in with Microsoft only. If both are null, invite the user via website and SSO again."""
    with etags.locked(request, people.visible(request), user_id, etag=people.etag) as person:
        if body.tenant is not None and body.userId is not None:
            _to_azure(request, person, body.tenant.id, body.userId, body.userName)
        elif body.tenant is None and body.userId is None:
            _to_website(request, person, body.destinationForSecret or "")
        else:
            raise Fault(400, "half", _("Send both tenant and userId, or leave both empty."), field="tenant")
    return _of(request, user_id)


def _to_azure(request: ApiRequest, person: User, tenant_id: UUID, user_id: UUID, username: str | None) -> None:
    tenant = ExternalTenant.objects.visible_to(request.caller.user).filter(pk=tenant_id).first()
    if tenant is None:
        raise Fault(400, "tenant", _("This tenant does not exist in your office."), field="tenant.id")
    try:
        invitations.kinds.to_azure(person, tenant=tenant, external_user_id=user_id, username=username, by=request.by)
    except ValidationError as error:
        places = {"tenant": "tenant.id", "account_taken": "userId"}
        raise faults.about(error, places.get(error.error_list[0].code or "", "userName")) from None


def _to_website(request: ApiRequest, person: User, number: str) -> None:
    try:
        invitations.kinds.to_website(person, mobile_number=mobile_number(number), by=request.by)
    except ValidationError as error:
        place = "destinationForSecret" if error.error_list[0].code == "mobile_number" else None
        raise faults.about(error, place) from None
