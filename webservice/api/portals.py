"""SSO tickets for portals, and the integrations of the token's user."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field as Limits
from typing_extensions import TypedDict

import webservice.actions
from webservice.api import faults
from webservice.api.door import ApiRequest, needs
from webservice.api.envelopes import Answer, Listed, answer
from webservice.api.filters import Field, Kind
from webservice.api.idempotency import once
from webservice.api.inputs import Input
from webservice.api.listing import ListQuery, listed
from webservice.api.responses import makes, reads
from webservice.models import Application, Consent
from webservice.scopes import Scope

router = Router(tags=["portals"])
_FIELDS = {
    "id": Field("id", Kind.ID),
    "description": Field("application__name"),
    "dateTimeCreation": Field("created_at", Kind.MOMENT),
    "dateTimeLastActive": Field("last_used_at", Kind.MOMENT),
}


class NewTicket(Input):
    """A sign-in link for the user of the token. `next` is the page to open, by default the home page."""

    next: Annotated[str, Limits(max_length=1000)] = ""


class TicketResource(TypedDict):
    """A single-use sign-in link and when it expires."""

    url: str
    expiresAt: datetime


class Integration(TypedDict):
    """An application that may act on behalf of the user."""

    id: UUID
    description: str
    scopes: list[str]
    isBlocked: bool
    dateTimeCreation: datetime
    dateTimeLastActive: datetime | None


@router.post(
    "/sso/tickets",
    operation_id="PostSsoTicket",
    response=makes(Answer[TicketResource]),
    **needs(Scope.SSO, None),
)
@once
def post_ticket(request: ApiRequest, body: NewTicket) -> HttpResponse:
    """Create a sign-in link for the user of the token, for one use within a minute."""
    try:
        url, expires_at = webservice.actions.make_ticket(request.caller, next=body.next, by=request.by)
    except ValidationError as error:
        raise faults.about(error, "next") from None
    except Application.DoesNotExist:
        raise faults.no_token() from None
    return answer(request, TicketResource(url=url, expiresAt=expires_at), status=201)


@router.get(
    "/users/integrations",
    operation_id="GetOwnIntegrations",
    response=reads(Listed[Integration], 400),
    **needs(Scope.ACCOUNT_READ, None),
)
def list_integrations(request: ApiRequest, query: Query[ListQuery]) -> HttpResponse:
    """List the applications that may act on behalf of the user of the token."""
    user = request.caller.user
    rows = Consent.objects.visible_to(user).filter(user=user).select_related("application")
    return listed(request, rows, query, fields=_FIELDS, order=("application__name",), shown=_shown)


def _shown(consent: Consent) -> Integration:
    return Integration(
        id=consent.pk,
        description=consent.application.name,
        scopes=list(consent.scopes),
        isBlocked=not consent.application.is_usable(),
        dateTimeCreation=consent.created_at,
        dateTimeLastActive=consent.last_used_at,
    )
