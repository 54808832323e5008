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
from audit.actors import Actor, action
from audit.models import Verb
from core import encryption
from core.access import ReauthenticationLevel
from oauth.models import TICKET_LIFETIME_SECONDS, Application, SsoTicket
from oauth.tokens import Caller

_MAX_PATH_LENGTH = 1000


@action(ReauthenticationLevel.NONE)
def create_sso_ticket(caller: Caller, *, next_path: str = "", by: Actor) -> tuple[str, datetime]:
    """Return a single-use sign-in URL for the user of `caller` and when it expires.

    `next_path` is the internal page to open, a path or an absolute URL; "" is the home page. Raises PermissionDenied
    for an Azure AD user, who signs in through Microsoft only, ValidationError ("next") for a page outside this site,
    and Application.DoesNotExist if the application was deleted in the meantime.
    """
    user = caller.user
    _lock_application_row(caller.application)
    if user.is_azure_user:
        raise PermissionDenied(_("Azure AD users can log in only with Microsoft."))
    token = encryption.generate_token()
    ticket = SsoTicket(user=user, application=caller.application, token_hash=encryption.hash_token(token))
    ticket.next, ticket.expires_at = (
        validate_internal_path(next_path),
        timezone.now() + timedelta(seconds=TICKET_LIFETIME_SECONDS),
    )
    ticket.save()
    record(Verb.TICKET_MADE, user, by=by, provider_id=user.provider_id)
    return urljoin(settings.LOKET_URL, reverse("oauth:sso", args=[token])), ticket.expires_at


def _lock_application_row(application: Application) -> None:
    """Block deletion of the application, but not concurrent tickets: one application serves many offices."""
    table = connection.ops.quote_name(Application._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR KEY SHARE", [application.pk])  # noqa: S608
        if cursor.fetchone() is None:
            raise Application.DoesNotExist


def validate_internal_path(address: str) -> str:
    """Return the path of an internal page, the home page for "". Raises ValidationError ("next") for other URLs."""
    path = address.removeprefix(settings.LOKET_URL) if address.startswith(f"{settings.LOKET_URL}/") else address
    path = path or reverse("home")
    if (
        path.startswith("/")
        and path.isprintable()
        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
        and len(path) <= _MAX_PATH_LENGTH
    ):
        return path
    raise ValidationError(_("This is not a Loket address."), code="next")


def find_sso_ticket(token: str) -> SsoTicket | None:
    """Return the ticket if it can be redeemed, without redeeming it."""
    tickets = SsoTicket.objects.select_related("user__provider", "application")
    ticket: SsoTicket | None = tickets.filter(token_hash=encryption.hash_token(token)).first()
    return ticket if ticket is not None and ticket.is_open() else None


@transaction.atomic
def redeem_sso_ticket(token: str) -> SsoTicket | None:
    """Redeem a ticket and return it, or None if it is not valid."""
    ticket = find_sso_ticket(token)
    is_first = ticket is not None and SsoTicket.objects.filter(pk=ticket.pk).delete()[0]
    return ticket if is_first else None
