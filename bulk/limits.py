"""Rate limits for submitted jobs, and limits on how many may be queued at once, per user and per office."""

from datetime import timedelta

from django.db import connection
from django.utils.translation import gettext as _

from accounts.models import User
from bulk.models import Operation
from signin import throttle
from signin.throttle import Limit, Throttled

MAX_WAITING_OF_USER, MAX_WAITING_OF_OFFICE = 3, 10
SENT_BY_USER = Limit("sent in by a user", burst=20, every=timedelta(seconds=30))
SENT_BY_OFFICE = Limit("sent in by an office", burst=60, every=timedelta(seconds=10))


class TooManyWaiting(Throttled):
    """Too many jobs of this user or office are queued already; the message says what to do."""

    def __init__(self, text: str, wait: timedelta) -> None:
        super().__init__(wait)
        self.text = text

    def __str__(self) -> str:
        return self.text


def charge(user: User) -> None:
    """Count a submission by `user` against the rate limits. Raises Throttled. Call this outside a transaction."""
    throttle.charge_both((SENT_BY_USER, str(user.pk)), (SENT_BY_OFFICE, str(user.provider_id)))


def require_room(operation: Operation) -> None:
    """Raise TooManyWaiting when the queue of this user or office is full.

    Holds a lock on the office until the end of the transaction, so that concurrent requests are counted one by one.
    """
    with connection.cursor() as cursor:
        name = f"what waits for the worker of {operation.provider_id}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    waiting = Operation.objects.filter(provider_id=operation.provider_id, state__in=Operation.AT_THE_WORKER)
    users = list(waiting.exclude(pk=operation.pk).values_list("user_id", flat=True))
    if users.count(operation.user_id) >= MAX_WAITING_OF_USER:
        text = _(
            "You have %(count)s imports and bulk actions waiting or running. Nothing is lost. Try again when one has"
            " finished; see the Import page."
        )
        raise TooManyWaiting(text % {"count": MAX_WAITING_OF_USER}, timedelta(seconds=10))
    if len(users) >= MAX_WAITING_OF_OFFICE:
        text = _("Your office has %(count)s imports and bulk actions waiting or running. Try again in a minute.")
        raise TooManyWaiting(text % {"count": MAX_WAITING_OF_OFFICE}, timedelta(minutes=1))
