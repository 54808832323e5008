"""SSO tickets for portals, and the integrations of the token's user."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from ninja import Query
from pydantic import Field as Limits
from typing_extensions import TypedDict

import oauth.sso_tickets
from api import errors
from api.auth import ApiRequest
from api.filters import FieldType, FilterField
from api.inputs import RequestBody
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import render_item
from core.keys import compute_name_key
from oauth.models import Application, Consent
from oauth.scopes import Scope

operations = Operations("portals", read=Scope.ACCOUNT_READ, write=Scope.SSO)
_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "description": FilterField("application__name", key=compute_name_key),
    "dateTimeCreation": FilterField("created_at", FieldType.DATETIME),
    "dateTimeLastActive": FilterField("last_used_at", FieldType.DATETIME),
}


class SsoTicketCreate(RequestBody):
    """A sign-in link for the user of the token. `next` is the page to open, by default the home page."""

    next: Annotated[str, Limits(max_length=1000)] = ""


class SsoTicketResource(TypedDict):
    """A single-use sign-in link and when it expires."""

    url: str
    expiresAt: datetime


class IntegrationResource(TypedDict):
    """An application that may act on behalf of the user."""

    id: UUID
    description: str
    scopes: list[str]
    isBlocked: bool
    dateTimeCreation: datetime
    dateTimeLastActive: datetime | None


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


@operations.get_list("/users/integrations", "GetOwnIntegrations", IntegrationResource, None)
def list_integrations(request: ApiRequest, query: Query[ListQuery]) -> HttpResponse:
    """List the applications that may act on behalf of the user of the token."""
    user = request.caller.user
    rows = Consent.objects.visible_to(user).filter(user=user).select_related("application")
    return render_list(request, rows, query, _FILTER_FIELDS, _serialize_integration, order="application__name")


def _serialize_integration(consent: Consent) -> IntegrationResource:
    return IntegrationResource(
        id=consent.pk,
        description=consent.application.name,
        scopes=list(consent.scopes),
        isBlocked=not consent.application.is_usable(),
        dateTimeCreation=consent.created_at,
        dateTimeLastActive=consent.last_used_at,
    )
