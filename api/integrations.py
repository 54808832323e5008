"""SSO tickets for portals, and the integrations of the token's user."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, CharField, ExpressionWrapper, Q, Value
from django.http import HttpResponse
from ninja import Query
from pydantic import Field as Limits
from typing_extensions import TypedDict

import oauth.consents
import oauth.sso_tickets
from accounts.models import User
from api import errors, user_schemas
from api.auth import ApiRequest
from api.filters import FieldType, FilterField
from api.inputs import RequestBody
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import render_empty, render_item
from core.keys import compute_name_key
from oauth.models import Application, Consent
from oauth.scopes import Scope
from permissions import checks
from permissions.checks import Right

operations = Operations("portals", read=Scope.ACCOUNT_READ, write=Scope.SSO)
user_operations = Operations("users", read=Scope.USERS_READ, write=Scope.USERS_WRITE)
_FILTER_FIELDS = {
    "id": FilterField("application", FieldType.ID),
    "application.id": FilterField("application", FieldType.ID),
    "application.name": FilterField("application__name", key=compute_name_key),
    "application.logo": FilterField("logo", FieldType.KEY, Value(None, output_field=CharField())),
    "application.isBlocked": FilterField(
        "is_application_blocked",
        FieldType.BOOLEAN,
        ExpressionWrapper(Q(application__switched_off_at__isnull=False), output_field=BooleanField()),
    ),
    "isBlocked": FilterField("is_blocked", FieldType.BOOLEAN, Value(value=False, output_field=BooleanField())),
    "createdOn": FilterField("created_at", FieldType.DATETIME),
    "lastLogin": FilterField("last_used_at", FieldType.DATETIME),
}


class SsoTicketCreate(RequestBody):
    """A sign-in link for the user of the token. `next` is the page to open, by default the home page."""

    next: Annotated[str, Limits(max_length=1000)] = ""


class SsoTicketResource(TypedDict):
    """A single-use sign-in link and when it expires."""

    url: str
    expiresAt: datetime


class IntegratedApplication(TypedDict):
    """An application. `isBlocked` tells that it is switched off for all users."""

    id: UUID
    name: str
    logo: str | None
    isBlocked: bool


class IntegrationResource(TypedDict):
    """An application that may act on behalf of a user, since `createdOn`. `isBlocked` is always false.

    `id` is that of the application: an application is in the list of a user once.
    """

    id: UUID
    application: IntegratedApplication
    createdOn: datetime
    isBlocked: bool
    lastLogin: datetime | None
    scopes: list[str]


@operations.post("/sso/tickets", "PostSsoTicket", SsoTicketResource, None)
def post_sso_ticket(request: ApiRequest, body: SsoTicketCreate) -> HttpResponse:
    """Create a sign-in link for the user of the token, for one use within a minute."""
    try:
        url, expires_at = oauth.sso_tickets.create_sso_ticket(request.caller, next_path=body.next, by=request.by)
    except ValidationError as error:
        raise errors.convert_validation_error(error, "next") from None
    except Application.DoesNotExist:
        raise errors.build_invalid_token_error() from None
    return render_item(request, SsoTicketResource(url=url, expiresAt=expires_at), status=201)


@operations.get_list(
    "/users/integrations", "GetIntegrationsByBearerToken", IntegrationResource, None, fields=_FILTER_FIELDS
)
def list_integrations(request: ApiRequest, query: Query[ListQuery]) -> HttpResponse:
    """List the applications that may act on behalf of the user of the token."""
    return _render_integrations(request, request.caller.user, query)


@user_operations.get_list(
    "/providers/users/{uuid:user_id}/integrations",
    "GetIntegrationsByUserId",
    IntegrationResource,
    Right.MANAGE_USERS,
    fields=_FILTER_FIELDS,
)
def list_integrations_of_user(request: ApiRequest, user_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the applications that may act on behalf of a user, who has no more rights than the caller."""
    user = user_schemas.get_user_or_404(request, user_id)
    if user.pk != request.caller.user.pk:
        checks.require_authority_over(request.by, user)
    return _render_integrations(request, user, query)


@user_operations.delete(
    "/providers/users/{uuid:user_id}/integrations/{uuid:application_id}",
    "DeleteIntegrationByUserIdAndApplicationId",
    Right.MANAGE_USERS,
)
def delete_integration(request: ApiRequest, user_id: UUID, application_id: UUID) -> HttpResponse:
    """Revoke the consent of a user for an application, and delete its tokens."""
    user = user_schemas.get_user_or_404(request, user_id)
    consent = Consent.objects.visible_to(request.caller.user).filter(user=user, application=application_id).first()
    if consent is None or not oauth.consents.revoke_consent(user, consent.pk, by=request.by):
        raise errors.build_not_found_error()
    return render_empty(request)


def _render_integrations(request: ApiRequest, user: User, query: ListQuery) -> HttpResponse:
    rows = Consent.objects.visible_to(request.caller.user).filter(user=user)
    rows = rows.with_office_scopes().select_related("application")
    return render_list(request, rows, query, _FILTER_FIELDS, _serialize_integration, order="application__name")


def _serialize_integration(consent: Consent) -> IntegrationResource:
    application = consent.application
    return IntegrationResource(
        id=application.pk,
        application=IntegratedApplication(
            id=application.pk, name=application.name, logo=None, isBlocked=not application.is_usable()
        ),
        createdOn=consent.created_at,
        isBlocked=False,
        lastLogin=consent.last_used_at,
        scopes=[scope.value for scope in consent.known_scopes],
    )
