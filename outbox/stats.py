"""Statistics of the outbox: waiting messages and recent failures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from core.ids import build_min_uuid7
from outbox.models import Message

LATE_AFTER = timedelta(minutes=1)  # a running worker picks up every message well within this time
RECENT_PERIOD = timedelta(days=1)


@dataclass(frozen=True)
class OutboxStats:
    """Waiting and late messages, and the results of the last day."""

    waiting: int
    late_count: int
    oldest_due: datetime | None
    sent: int
    undeliverable: int
    no_response: int  # SMS that may have arrived

    @property
    def is_worker_behind(self) -> bool:
        """Whether messages are late, so that no worker runs, or too few."""
        return self.late_count > 0


def get_outbox_stats() -> OutboxStats:
    """Return the statistics of the whole installation. Two queries."""
    now = timezone.now()
    waiting = (
        Message.objects.pending()
        .exclude_paused()
        .aggregate(
            all=Count("pk"),
            late=Count("pk", filter=Q(due__lt=now - LATE_AFTER)),
            oldest=Min("due", filter=Q(due__lt=now - LATE_AFTER)),
        )
    )
    states = Message.State
    lately = Message.objects.filter(pk__gte=build_min_uuid7(now - RECENT_PERIOD)).aggregate(
        sent=Count("pk", filter=Q(state=states.SENT)),
        wrong=Count("pk", filter=Q(state__in=[states.FAILED, states.BOUNCED])),
        unanswered=Count("pk", filter=Q(state=states.NO_RESPONSE)),
    )
    return OutboxStats(
        waiting["all"], waiting["late"], waiting["oldest"], lately["sent"], lately["wrong"], lately["unanswered"]
    )
