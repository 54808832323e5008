"""Periodic deletion of expired codes, tokens and tickets."""

from datetime import timedelta

from django.utils import timezone
from oauth2_provider.models import clear_expired

from loket import periodic
from webservice.models import Ticket

_KEPT = timedelta(days=1)


def clean() -> None:
    """Delete expired codes, tokens and tickets. Runs hourly.

    Used refresh tokens are kept until they would have expired, so that reuse by an attacker is detected.
    """
    tickets = Ticket.objects.filter(expires_at__lt=timezone.now() - _KEPT)
    steps = {"tokens": clear_expired, "tickets": tickets.delete}
    periodic.each(lambda name: steps[name](), steps)
