"""Periodic deletion of what expired, creation of signing keys, and the end of sessions of users whose access ended."""

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from oauth2_provider.models import clear_expired
from oauth2_provider.settings import oauth2_settings

from audit.actors import build_job_actor
from core import periodic_jobs
from core.periodic_jobs import PeriodicJob
from oauth import backchannel_logout, client_sessions
from oauth.models import ClientSession, RefreshToken, SigningKey, SsoTicket, UsedAssertion
from oauth.pushed_requests import PushedRequest

_TICKET_RETENTION = timedelta(days=1)
_REFRESH_GRACE = timedelta(seconds=oauth2_settings.REFRESH_TOKEN_GRACE_PERIOD_SECONDS)


def delete_expired() -> None:
    """Delete expired codes, tokens, tickets and assertions, and sessions without tokens. Runs hourly.

    Used refresh tokens are kept until they would have expired, so that reuse by an attacker is detected.
    """
    now = timezone.now()
    used = RefreshToken.objects.exclude(revoked=None)
    past_grace = used.exclude(encrypted_response=b"").filter(revoked__lt=now - _REFRESH_GRACE)
    ended = used.filter(access_token__expires__lt=now)  # the library keeps access tokens that one points to
    tickets = SsoTicket.objects.filter(expires_at__lt=now - _TICKET_RETENTION)
    unused = ClientSession.objects.filter(used_at__lt=now - client_sessions.RETENTION)
    steps: dict[str, Callable[[], object]] = {
        "responses": lambda: past_grace.update(encrypted_response=b""),
        "access tokens": lambda: ended.update(access_token=None),
        "tokens": clear_expired,
        "tickets": tickets.delete,
        "assertions": UsedAssertion.objects.filter(expires_at__lt=now).delete,
        "client sessions": unused.delete,
    }
    periodic_jobs.process_items(lambda name: steps[name](), steps)


def delete_expired_requests() -> None:
    """Delete expired pushed requests, which anyone can make in the name of a public client. Runs every minute."""
    PushedRequest.objects.filter(expires_at__lt=timezone.now()).delete()


def create_missing_keys() -> None:
    """Create the signing keys of a database in which migrating created none, or of a new algorithm. Runs hourly."""
    SigningKey.objects.create_missing()


def end_expired_access() -> None:
    """End the sessions at applications of users whose last day has passed. Runs every minute."""
    ended = ClientSession.objects.filter(user__access_until__lt=timezone.localdate())
    offices = ended.order_by("provider").values_list("provider", flat=True).distinct()
    periodic_jobs.process_items(lambda pk: _end_in_office(ended.filter(provider=pk)), offices)


@transaction.atomic
def _end_in_office(ended: QuerySet[ClientSession]) -> None:
    backchannel_logout.end_client_sessions(ended, by=build_job_actor("end_expired_access"))


JOBS = [
    PeriodicJob(delete_expired, every=3600),
    PeriodicJob(delete_expired_requests, every=60),
    PeriodicJob(create_missing_keys, every=3600),
    PeriodicJob(end_expired_access, every=60),
]
