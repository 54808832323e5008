"""Statistics of the outbox: waiting messages and recent failures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from loket.ids import first_of
from outbox.models import Message

LATE = timedelta(minutes=1)  # a running worker picks up every message well within this time
LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Queue:
    """Waiting and late messages, and the results of the last day."""

    waiting: int
    late: int
    oldest: datetime | None
    sent: int
    wrong: int
    unanswered: int  # SMS that may have arrived

    @property
    def worker_is_behind(self) -> bool:
        """Whether messages are late, so that no worker runs, or too few."""
        return self.late > 0


def state() -> Queue:
    """Return the statistics of the whole installation. Two queries."""
    now = timezone.now()
    waiting = (
        Message.objects.waiting()
        .awake()
        .aggregate(
            all=Count("pk"),
            late=Count("pk", filter=Q(due__lt=now - LATE)),
            oldest=Min("due", filter=Q(due__lt=now - LATE)),
        )
    )
    states = Message.State
    lately = Message.objects.filter(pk__gte=first_of(now - LATELY)).aggregate(
        sent=Count("pk", filter=Q(state=states.SENT)),
        wrong=Count("pk", filter=Q(state__in=[states.FAILED, states.BOUNCED])),
        unanswered=Count("pk", filter=Q(state=states.NO_ANSWER)),
    )
    return Queue(
        waiting["all"], waiting["late"], waiting["oldest"], lately["sent"], lately["wrong"], lately["unanswered"]
    )
