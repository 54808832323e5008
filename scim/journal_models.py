"""What a directory did: what its plan announced, losses of access that the brake counts or holds, and its calls."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.composite_keys import SameOfficeForeignKey
from permissions.models import OfficeModel, OfficeQuerySet, Team
from scim.connection_models import DirectoryConnection, DirectoryUser, ShadowStep


class AnnouncedStep(OfficeModel):
    """One step of the plan with which a connection went live, and what became of it."""

    class Outcome(models.TextChoices):
        """The first two may still change."""

        PENDING = "pending", _("Still to do")
        REFUSED = "refused", _("Refused")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("No longer wanted")

    connection = models.ForeignKey(DirectoryConnection, on_delete=models.CASCADE, related_name="announced_steps")
    row = models.ForeignKey(DirectoryUser, on_delete=models.SET_NULL, null=True, related_name="announced_steps")
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, related_name="announced_steps")
    step = models.CharField(max_length=10, choices=ShadowStep)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.PENDING)

    objects = OfficeQuerySet["AnnouncedStep"].as_manager()

    class Meta:
        constraints = [SameOfficeForeignKey("connection"), SameOfficeForeignKey("row"), SameOfficeForeignKey("team")]
        indexes = [
            models.Index(fields=["provider", "connection", "step"], name="announced_by_connection"),
            models.Index(fields=["provider", "row"], name="announced_by_row"),
        ]

    def __str__(self) -> str:
        return f"{self.row_id} {self.step} {self.outcome}"


class AccessLoss(OfficeModel):
    """A directory blocks a user, or removes a member from `team`: what the brake counts, and holds."""

    class State(models.TextChoices):
        """Held losses wait for an administrator."""

        DONE = "done", _("Done")
        HELD = "held", _("Held")

    connection = models.ForeignKey(DirectoryConnection, on_delete=models.CASCADE, related_name="losses")
    row = models.ForeignKey(DirectoryUser, on_delete=models.CASCADE, related_name="losses")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="directory_losses")
    state = models.CharField(max_length=10, choices=State)
    at = models.DateTimeField(auto_now_add=True)

    objects = OfficeQuerySet["AccessLoss"].as_manager()

    class Meta:
        constraints = [SameOfficeForeignKey("connection"), SameOfficeForeignKey("row"), SameOfficeForeignKey("team")]
        indexes = [
            models.Index(fields=["provider", "connection", "state"], name="access_loss_by_state"),
            models.Index(fields=["at"], name="access_loss_by_at"),
        ]

    def __str__(self) -> str:
        return f"{self.row_id} {self.state}"


class DirectoryCycle(OfficeModel):
    """A run of calls without a pause, in which a directory goes through its users: numbers only."""

    connection = models.ForeignKey(DirectoryConnection, on_delete=models.CASCADE, related_name="cycles")
    started_at = models.DateTimeField()
    last_call_at = models.DateTimeField()
    calls = models.PositiveIntegerField(default=1)
    changes = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    objects = OfficeQuerySet["DirectoryCycle"].as_manager()

    class Meta:
        constraints = [SameOfficeForeignKey("connection")]
        indexes = [models.Index(fields=["provider", "connection", "last_call_at"], name="directory_cycle_by_call")]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.started_at}"


class DirectoryCall(OfficeModel):
    """A call that changed something or was refused, without personal data. `reason` is that of the protocol."""

    connection = models.ForeignKey(DirectoryConnection, on_delete=models.CASCADE, related_name="calls")
    at = models.DateTimeField(auto_now_add=True)
    method = models.CharField(max_length=10)
    resource = models.CharField(max_length=20)
    resource_id = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=20, blank=True)

    objects = OfficeQuerySet["DirectoryCall"].as_manager()

    class Meta:
        constraints = [SameOfficeForeignKey("connection")]
        indexes = [
            models.Index(fields=["provider", "connection", "id"], name="directory_call_by_connection"),
            models.Index(fields=["at"], name="directory_call_by_at"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.resource} {self.status}"

    @property
    def is_refused(self) -> bool:
        return self.status >= 400
