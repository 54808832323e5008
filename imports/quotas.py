"""Rate limits for submitted jobs, and limits on how many may be queued at once, per user and per office."""

from datetime import timedelta

from django.db import connection
from django.utils.translation import gettext as _

from accounts.models import User
from core import throttle
from core.throttle import RateLimit, Throttled
from imports.models import ImportJob

MAX_WAITING_JOBS_PER_USER, MAX_WAITING_JOBS_PER_OFFICE = 3, 10
SUBMISSIONS_PER_USER = RateLimit("sent in by a user", burst=20, every=timedelta(seconds=30))
SUBMISSIONS_PER_OFFICE = RateLimit("sent in by an office", burst=60, every=timedelta(seconds=10))


class TooManyWaitingJobs(Throttled):
    """Too many jobs of this user or office are queued already; the message says what to do."""

    def __init__(self, text: str, wait: timedelta) -> None:
        super().__init__(wait)
        self.text = text

    def __str__(self) -> str:
        return self.text


def count_submission(user: User) -> None:
    """Count a submission by `user` against the rate limits. Raises Throttled. Call this outside a transaction."""
    throttle.consume_attempt_pair((SUBMISSIONS_PER_USER, str(user.pk)), (SUBMISSIONS_PER_OFFICE, str(user.provider_id)))


def require_queue_room(job: ImportJob) -> None:
    """Raise TooManyWaitingJobs when the queue of this user or office is full.

    Holds a lock on the office until the end of the transaction, so that concurrent requests are counted one by one.
    """
    with connection.cursor() as cursor:
        name = f"what waits for the worker of {job.provider_id}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    waiting = ImportJob.objects.filter(provider_id=job.provider_id, state__in=ImportJob.QUEUED_STATES)
    users = list(waiting.exclude(pk=job.pk).values_list("user_id", flat=True))
    if users.count(job.user_id) >= MAX_WAITING_JOBS_PER_USER:
        text = _(
            "You have %(count)s imports and bulk actions waiting or running. Nothing is lost. Try again when one has"
            " finished; see the Import page."
        )
        raise TooManyWaitingJobs(text % {"count": MAX_WAITING_JOBS_PER_USER}, timedelta(seconds=10))
    if len(users) >= MAX_WAITING_JOBS_PER_OFFICE:
        text = _("Your office has %(count)s imports and bulk actions waiting or running. Try again in a minute.")
        raise TooManyWaitingJobs(text % {"count": MAX_WAITING_JOBS_PER_OFFICE}, timedelta(minutes=1))
