"""How the outbox fares as a whole: what waits, since when, and what went wrong lately."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from loket.ids import first_of
from outbox.models import Message

LATE = timedelta(minutes=1)  # a worker that runs has had every message in hand long before
LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Queue:
    """What waits, how much of it is late and since when; and of the last day what was sent and what not."""

    waiting: int
    late: int
    oldest: datetime | None
    sent: int
    wrong: int
    unanswered: int  # SMS that may have arrived

    @property
    def worker_is_behind(self) -> bool:
        """Whether messages lie that should have been taken up: no worker runs, or too few do."""
        return self.late > 0


def state() -> Queue:
    """Return how the outbox of the whole installation fares now. Two queries."""
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
