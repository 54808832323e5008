"""Forgetting what opens nothing any more."""

from datetime import timedelta

from django.utils import timezone
from oauth2_provider.models import clear_expired

from loket import periodic
from webservice.models import Ticket

_KEPT = timedelta(days=1)


def clean() -> None:
    """Delete codes, tokens and tickets that have ended. An hourly job.

    Refresh tokens that were used are kept as long as they would have worked: by them a thief is recognised.
    """
    tickets = Ticket.objects.filter(expires_at__lt=timezone.now() - _KEPT)
    steps = {"tokens": clear_expired, "tickets": tickets.delete}
    periodic.each(lambda name: steps[name](), steps)
