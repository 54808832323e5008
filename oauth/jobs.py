"""Periodic deletion of expired codes, tokens and tickets."""

from datetime import timedelta

from django.utils import timezone
from oauth2_provider.models import clear_expired

from core import periodic_jobs
from core.periodic_jobs import PeriodicJob
from oauth.models import SsoTicket

_TICKET_RETENTION = timedelta(days=1)


def delete_expired() -> None:
    """Delete expired codes, tokens and tickets. Runs hourly.

    Used refresh tokens are kept until they would have expired, so that reuse by an attacker is detected.
    """
    tickets = SsoTicket.objects.filter(expires_at__lt=timezone.now() - _TICKET_RETENTION)
    steps = {"tokens": clear_expired, "tickets": tickets.delete}
    periodic_jobs.process_items(lambda name: steps[name](), steps)


JOBS = [PeriodicJob(delete_expired, every=3600)]
