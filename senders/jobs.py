"""Periodic jobs of senders."""

from uuid import UUID

from django.utils import timezone

from accounts.models import Provider
from audit.actors import build_job_actor
from core.periodic_jobs import PeriodicJob, process_items
from senders.actions import check_sender, claim_due_check
from senders.models import OfficeSender

TIME_BUDGET_SECONDS = 5.0  # seconds, after which no further sender is checked, so that a worker stops soon
MAX_CHECKS = 500  # of one run


def check_due_senders() -> int:
    """Check the senders that are due, longest due first; return how many."""
    due = OfficeSender.objects.filter(next_check_at__lte=timezone.now()).order_by("next_check_at")
    return sum(process_items(_check, due.values_list("pk", flat=True)[:MAX_CHECKS], seconds=TIME_BUDGET_SECONDS))


def _check(provider_id: UUID) -> bool:
    if not claim_due_check(provider_id):
        return False
    check_sender(Provider.objects.get(pk=provider_id), by=build_job_actor("senders"))
    return True


JOBS = [PeriodicJob(check_due_senders, every=5)]
