"""Tables of rate limits and of periodic work."""

from django.db import models

from core.ids import uuid7


class Throttle(models.Model):
    """Attempts used under one rate limit, stored as the time at which all are available again (see `throttle`)."""

    key = models.CharField(max_length=64, primary_key=True)  # keyed hash, so that it identifies no one
    full_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key[:8]


class WorkerHeartbeat(models.Model):
    """Last time a worker ran its periodic jobs; one row per process."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pk} {self.at}"


class PeriodicJobStatus(models.Model):
    """Last success and failures of a periodic job, over all workers."""

    name = models.CharField(max_length=200, primary_key=True)
    every = models.FloatField()  # seconds
    since = models.DateTimeField()  # when a worker first registered it
    done_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # since the last success
    failed = models.PositiveBigIntegerField(default=0)  # all failures so far, including those of single offices or rows

    def __str__(self) -> str:
        return self.name


class FailedJobItem(models.Model):
    """An office or row at which a periodic job failed, skipped until `retry_at`."""

    job = models.CharField(max_length=200)
    item = models.CharField(max_length=100)  # an identifier
    failures = models.PositiveIntegerField()  # consecutive
    since = models.DateTimeField()
    retry_at = models.DateTimeField()
    error = models.CharField(max_length=100)  # class of the last error

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "item"], name="failed_item_once")]

    def __str__(self) -> str:
        return f"{self.job} {self.item}"
