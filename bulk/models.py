"""What somebody wants done to many at once in the browser: planned, looked at, done by the worker, kept for a week."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Provider, User
from loket.ids import uuid7

KEPT, KEPT_DONE = timedelta(hours=1), timedelta(days=7)


def in_an_hour() -> datetime:
    """Return until when something that is planned now is kept."""
    return timezone.now() + KEPT


class OperationQuerySet(models.QuerySet["Operation"]):
    """Questions over many operations."""

    def visible_to(self, user: User) -> Self:
        """Return those of `user` that are still kept; nobody else sees the numbers and passwords in a file."""
        return self.filter(provider_id=user.provider_id, user=user, expires_at__gt=timezone.now())


class Operation(models.Model):
    """A file, a selection or the undoing of one of these: what was sent in is sealed, and gone once it is done.

    While it is planned it is kept for an hour; once it is done what was done is kept for a week, to be undone.
    """

    class Kind(models.TextChoices):
        """What it is about."""

        USERS = "users"
        SEVERAL = "several"
        TEAMS = "teams"
        UNDO = "undo"
        UNDO_TEAMS = "undo_teams"

    class State(models.TextChoices):
        """How far it is; a plan of many rows is `WANTED` and then `ASKED` of the worker."""

        WANTED = "wanted"
        PLANNED = "planned"
        ASKED = "asked"
        DONE = "done"

    AT_THE_WORKER = (State.WANTED, State.ASKED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=7, choices=State, default=State.PLANNED)
    name = models.CharField(max_length=100)
    invite = models.BooleanField(default=False)
    undoes = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="undoings")
    sealed_input = models.BinaryField(null=True)
    sealed_summary = models.BinaryField()
    digest = models.CharField(max_length=64)
    address = models.CharField(max_length=45, blank=True)  # from where it was asked, for the events
    proof = models.PositiveSmallIntegerField(default=0, db_default=0)  # `audit.actors.Proof` of who asked
    language = models.CharField(max_length=2, default="nl")  # in which the worker says why it is refused
    correlation_id = models.CharField(max_length=36, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(default=in_an_hour, db_index=True)

    objects = OperationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="operation_id_provider"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(sealed_input=None, done_at__isnull=False),
                name="operation_done_without_input",
            ),
        ]
        indexes = [
            models.Index(fields=["asked_at"], condition=Q(state__in=["wanted", "asked"]), name="operation_asked")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_planned(self) -> bool:
        """Whether it waits for somebody to say that it is to be done."""
        return self.state == self.State.PLANNED

    @property
    def is_at_the_worker(self) -> bool:
        """Whether the worker is to plan it or to do it, or is at it."""
        return self.state in self.AT_THE_WORKER

    @property
    def is_of_files(self) -> bool:
        """Whether files were sent in."""
        return self.kind in (self.Kind.USERS, self.Kind.TEAMS)

    @property
    def is_done(self) -> bool:
        """Whether what it says was done."""
        return self.state == self.State.DONE

    @property
    def is_about_teams(self) -> bool:
        """Whether it changes teams, and people only by them."""
        return self.kind in (self.Kind.TEAMS, self.Kind.UNDO_TEAMS)

    @property
    def is_undoing(self) -> bool:
        """Whether it turns another one back."""
        return self.kind in (self.Kind.UNDO, self.Kind.UNDO_TEAMS)

    @property
    def passes_over(self) -> bool:
        """Whether those for whom it cannot be done are left as they are; elsewhere one fault stops everything."""
        return self.kind in (self.Kind.SEVERAL, self.Kind.UNDO)

    def seal_context(self, part: str) -> str:
        """Return what a sealed part is bound to."""
        return f"bulk.Operation {self.pk} {part}"


class Page(models.Model):
    """Some of what an operation does, of its faults or of the rows with one, sealed: as many as a page shows."""

    class What(models.TextChoices):
        """Of which list."""

        ITEMS = "items"
        FAULTS = "faults"
        ROWS = "rows"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="pages")
    what = models.CharField(max_length=6, choices=What)
    number = models.PositiveIntegerField()
    sealed_values = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["operation", "what", "number"], name="page_once")]

    def __str__(self) -> str:
        return f"{self.what} {self.number}"

    @property
    def seal_context(self) -> str:
        """What the sealed values are bound to."""
        return f"bulk.Page {self.operation_id} {self.what} {self.number}"


class Progress(models.Model):
    """How far the worker is, and how it goes about it. Apart: the operation's own row is locked while it is done."""

    operation = models.OneToOneField(Operation, on_delete=models.CASCADE, primary_key=True, related_name="progress")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    is_long = models.BooleanField(default=False, db_default=False)  # it took more than a quick turn
    turns = models.PositiveSmallIntegerField(default=0, db_default=0)  # that were begun

    def __str__(self) -> str:
        return f"{self.done}/{self.total}"

    @property
    def percent(self) -> int:
        """How much of the work is done; never all of it, because the end is that it is done."""
        return min(99, 100 * self.done // self.total) if self.total else 0
