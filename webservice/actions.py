"""Actions on SSO tickets: sign-in links that an application requests and the user opens."""

from datetime import datetime, timedelta
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket import sealing
from webservice.models import TICKET_SECONDS, Application, Ticket
from webservice.tokens import Caller

_LONGEST = 1000


@asks(Proof.NONE)
@transaction.atomic
def make_ticket(caller: Caller, *, next: str = "", by: Actor) -> tuple[str, datetime]:
    """Return a single-use sign-in URL for the user of `caller` and when it expires.

    `next` is the internal page to open, a path or an absolute URL; "" is the home page. Raises PermissionDenied for an
    Azure AD user, who signs in through Microsoft only, ValidationError ("next") for a page outside this site, and
    Application.DoesNotExist if the application was deleted meanwhile.
    """
    user = caller.user
    _hold(caller.application)
    if user.is_azure_user:
        raise PermissionDenied(_("Azure AD users can log in only with Microsoft."))
    token = sealing.new_token()
    ticket = Ticket(user=user, application=caller.application, token_hash=sealing.token_hash(token))
    ticket.next, ticket.expires_at = own_page(next), timezone.now() + timedelta(seconds=TICKET_SECONDS)
    ticket.save()
    record(Verb.TICKET_MADE, user, by=by, provider_id=user.provider_id)
    return urljoin(settings.LOKET_URL, reverse("webservice:sso", args=[token])), ticket.expires_at


def _hold(application: Application) -> None:
    """Block deletion of the application, but not concurrent tickets: one application serves many offices."""
    table = connection.ops.quote_name(Application._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR KEY SHARE", [application.pk])  # noqa: S608
        if cursor.fetchone() is None:
            raise Application.DoesNotExist


def own_page(address: str) -> str:
    """Return the path of an internal page, the home page for "". Raises ValidationError ("next") for other URLs."""
    path = address.removeprefix(settings.LOKET_URL) if address.startswith(f"{settings.LOKET_URL}/") else address
    path = path or reverse("home")
    if (
        path.startswith("/")
        and path.isprintable()
        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
        and len(path) <= _LONGEST
    ):
        return path
    raise ValidationError(_("This is not a Loket address."), code="next")


def find_ticket(token: str) -> Ticket | None:
    """Return the ticket if it can be redeemed, without redeeming it."""
    tickets = Ticket.objects.select_related("user__provider", "application")
    ticket: Ticket | None = tickets.filter(token_hash=sealing.token_hash(token)).first()
    return ticket if ticket is not None and ticket.is_open() else None


@transaction.atomic
def open_ticket(token: str) -> Ticket | None:
    """Redeem a ticket and return it, None if it is not or no longer valid."""
    ticket = find_ticket(token)
    is_first = ticket is not None and Ticket.objects.filter(pk=ticket.pk).delete()[0]
    return ticket if is_first else None
