"""Azure AD tenants of the office, and the Microsoft account of a user."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, CharField, ExpressionWrapper, Q, Value
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query
from typing_extensions import TypedDict

import users.change_login_method
from accounts.models import ExternalTenant, User
from api import errors, user_schemas
from api.auth import ApiRequest
from api.errors import ApiError
from api.filters import FieldType, FilterField
from api.inputs import ConfiguredTenantUpdate
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import render_item
from api.user_schemas import Tenant
from core.keys import compute_name_key
from invitations.phone_numbers import parse_mobile_number
from oauth.scopes import Scope
from permissions.checks import Right

operations = Operations("tenants", read=Scope.USERS_READ, write=Scope.USERS_WRITE)
FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "name": FilterField("name", key=compute_name_key),
    "description": FilterField("name", key=compute_name_key),
    "externalId": FilterField("tenant_id", FieldType.ID),
    "tenantRegistrationLevel": FilterField(
        "registration_level", FieldType.KEY, Value("provider", output_field=CharField())
    ),
    "isConfirmed": FilterField(
        "is_confirmed",
        FieldType.BOOLEAN,
        ExpressionWrapper(Q(confirmed_at__isnull=False), output_field=BooleanField()),
    ),
}


class TenantResource(Tenant):
    """An Azure AD tenant of the office. Users can be linked to it once it is verified."""

    name: str
    externalId: UUID
    isConfirmed: bool


class LinkedTenant(TypedDict):
    """The tenant of a Microsoft account."""

    id: UUID
    name: str


class LinkedUser(TypedDict):
    """The ID of a Microsoft account."""

    id: UUID


class ConfiguredTenant(TypedDict):
    """The Microsoft account of a user; both are null for other login methods."""

    externalTenant: LinkedTenant | None
    externalUser: LinkedUser | None


def _serialize_tenant(tenant: ExternalTenant) -> TenantResource:
    return TenantResource(
        id=tenant.pk,
        name=tenant.name,
        description=tenant.name,
        tenantRegistrationLevel="provider",
        externalId=tenant.tenant_id,
        isConfirmed=tenant.confirmed_at is not None,
    )


@operations.get_list(
    "/providers/{uuid:provider_id}/externaltenants",
    "GetExternalTenantsByProviderId",
    TenantResource,
    Right.VIEW_USERS,
    fields=FILTER_FIELDS,
)
def list_tenants(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the Azure AD tenants of the office."""
    rows = ExternalTenant.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, FILTER_FIELDS, _serialize_tenant)


@operations.get_item(
    "/providers/users/{uuid:user_id}/configuredexternaltenant",
    "GetConfiguredExternalTenantByProviderUserId",
    ConfiguredTenant,
    Right.VIEW_USERS,
)
def get_configured_tenant(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the Microsoft account of a user."""
    return _respond(request, user_id)


def _respond(request: ApiRequest, user_id: UUID, **options: Any) -> HttpResponse:
    user = user_schemas.get_user_or_404(request, user_id)
    content = ConfiguredTenant(externalTenant=None, externalUser=None)
    if user.external_tenant is not None and user.external_user_id is not None:
        tenant = LinkedTenant(id=user.external_tenant.pk, name=user.external_tenant.name)
        content = ConfiguredTenant(externalTenant=tenant, externalUser=LinkedUser(id=user.external_user_id))
    return render_item(request, content, etag=user_schemas.compute_user_etag(user), **options)


@operations.patch(
    "/providers/users/{uuid:user_id}/configuredexternaltenant",
    "PatchConfiguredExternalTenantByProviderUserId",
    ConfiguredTenant,
    Right.MANAGE_USERS,
    success=201,
)
def patch_configured_tenant(request: ApiRequest, user_id: UUID, body: ConfiguredTenantUpdate) -> HttpResponse:
    """Switch a user to signing in with Microsoft only. If both are null, invite the user via website and SSO again."""
    number = None
    with user_schemas.lock_user(request, user_id) as user:
        tenant, account = body.externalTenant, body.externalUser
        if tenant is not None and account is not None:
            _change_to_azure(request, user, tenant.id, account.id, body.userName)
        elif tenant is None and account is None:
            number = _change_to_website(request, user, body.destinationForSecret or "")
        else:
            text = _("Send both externalTenant and externalUser, or leave both empty.")
            raise ApiError(400, "half", text, field="externalTenant")
    return _respond(request, user_id, status=201, messages=user_schemas.build_number_warnings(number))


def _change_to_azure(request: ApiRequest, user: User, tenant_id: UUID, user_id: UUID, username: str | None) -> None:
    tenants = ExternalTenant.objects.visible_to(request.caller.user)
    tenant = errors.get_or_400(tenants, tenant_id, "tenant", "externalTenant.id")
    try:
        users.change_login_method.change_to_azure(
            user, tenant=tenant, external_user_id=user_id, username=username, by=request.by
        )
    except ValidationError as error:
        places = {"tenant": "externalTenant.id", "account_taken": "externalUser.id"}
        raise errors.convert_validation_error(error, places.get(error.error_list[0].code or "", "userName")) from None


def _change_to_website(request: ApiRequest, user: User, typed: str) -> str:
    """Invite a user via website and SSO; return the mobile number in E.164."""
    try:
        number = parse_mobile_number(typed, confirmed=True)
        users.change_login_method.change_to_website(user, mobile_number=number, by=request.by)
    except ValidationError as error:
        place = "destinationForSecret" if error.error_list[0].code == "mobile_number" else None
        raise errors.convert_validation_error(error, place) from None
    return number
