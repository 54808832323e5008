"""Import jobs: uploads, bulk actions and reverts, planned, reviewed, and executed by the worker."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Provider, User
from core.composite_keys import SameOfficeForeignKey
from core.ids import uuid7

PLAN_RETENTION, RESULT_RETENTION = timedelta(hours=1), timedelta(days=7)


def get_plan_expiry() -> datetime:
    return timezone.now() + PLAN_RETENTION


class ImportJobQuerySet(models.QuerySet["ImportJob"]):
    def visible_to(self, user: User) -> Self:
        """Return the unexpired jobs of `user`. Other users must not see the numbers and passwords in a file."""
        return self.filter(provider_id=user.provider_id, user=user, expires_at__gt=timezone.now())


class ImportJob(models.Model):
    """An uploaded file, a bulk action, or the revert of either.

    The input is encrypted and is deleted once the job is done. Plans expire after an hour; results are kept for a week,
    so that they can be reverted.
    """

    class Kind(models.TextChoices):
        USERS = "users"
        BULK_ACTION = "several", "Several"
        TEAMS = "teams"
        REVERT_USERS = "undo"
        REVERT_TEAMS = "undo_teams"

    class State(models.TextChoices):
        """Progress of a job. `PLAN_REQUESTED` (large plans) and `EXECUTION_REQUESTED` await the worker."""

        PLAN_REQUESTED = "wanted"
        PLANNED = "planned"
        EXECUTION_REQUESTED = "asked", "Asked"
        DONE = "done"

    QUEUED_STATES = (State.PLAN_REQUESTED, State.EXECUTION_REQUESTED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=7, choices=State, default=State.PLANNED)
    name = models.CharField(max_length=100)
    invite = models.BooleanField(default=False)
    undoes = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="reverted_by")
    encrypted_input = models.BinaryField(null=True)
    encrypted_summary = models.BinaryField()
    digest = models.CharField(max_length=64)
    address = models.CharField(max_length=45, blank=True)  # client IP address, for audit events
    proof = models.PositiveSmallIntegerField(default=0, db_default=0)  # `ReauthenticationLevel` of the user
    language = models.CharField(max_length=2, default="nl")  # of messages from the worker
    correlation_id = models.CharField(max_length=36, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(default=get_plan_expiry, db_index=True)

    objects = ImportJobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="operation_id_provider"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(encrypted_input=None, done_at__isnull=False),
                name="operation_done_without_input",
            ),
            SameOfficeForeignKey("user"),
            SameOfficeForeignKey("undoes"),
        ]
        indexes = [
            models.Index(fields=["asked_at"], condition=Q(state__in=["wanted", "asked"]), name="operation_asked")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_planned(self) -> bool:
        """Whether the plan awaits confirmation."""
        return self.state == self.State.PLANNED

    @property
    def is_queued(self) -> bool:
        """Whether the job waits for the worker or is running."""
        return self.state in self.QUEUED_STATES

    @property
    def has_files(self) -> bool:
        return self.kind in (self.Kind.USERS, self.Kind.TEAMS)

    @property
    def is_done(self) -> bool:
        return self.state == self.State.DONE

    @property
    def is_about_teams(self) -> bool:
        """Whether the job changes teams, and users only through them."""
        return self.kind in (self.Kind.TEAMS, self.Kind.REVERT_TEAMS)

    @property
    def is_revert(self) -> bool:
        return self.kind in (self.Kind.REVERT_USERS, self.Kind.REVERT_TEAMS)

    @property
    def skips_failures(self) -> bool:
        """Whether users with faults are skipped; in other jobs one fault blocks the whole plan."""
        return self.kind in (self.Kind.BULK_ACTION, self.Kind.REVERT_USERS)

    def encryption_context(self, part: str) -> str:
        return f"bulk.Operation {self.pk} {part}"


class ImportJobPage(models.Model):
    """An encrypted page of the items, faults or faulty rows of a job."""

    class ListName(models.TextChoices):
        ITEMS = "items"
        FAULTS = "faults"
        ROWS = "rows"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    operation = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="pages")
    what = models.CharField(max_length=6, choices=ListName)
    number = models.PositiveIntegerField()
    encrypted_values = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operation", "what", "number"], name="page_once"),
            SameOfficeForeignKey("operation"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.number}"

    @property
    def encryption_context(self) -> str:
        return f"bulk.Page {self.operation_id} {self.what} {self.number}"


class ImportJobProgress(models.Model):
    """Progress of a job at the worker.

    In a table of its own, because the row of the job is locked while it runs.
    """

    operation = models.OneToOneField(ImportJob, on_delete=models.CASCADE, primary_key=True, related_name="progress")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    is_long = models.BooleanField(default=False, db_default=False)  # exceeded the time limit for short jobs
    turns = models.PositiveSmallIntegerField(default=0, db_default=0)  # attempts started

    class Meta:
        constraints = [SameOfficeForeignKey("operation")]

    def __str__(self) -> str:
        return f"{self.done}/{self.total}"

    @property
    def percent(self) -> int:
        """Percentage done, at most 99: only a finished job is complete."""
        return min(99, 100 * self.done // self.total) if self.total else 0
