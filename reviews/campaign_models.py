"""Access reviews: campaigns, their reviewers, and the users and teams at the freeze."""

from datetime import date, timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import LoginMethod, User
from audit.models import build_erased_name
from core.composite_keys import SameOfficeForeignKey
from permissions.models import OfficeModel, OfficeQuerySet, Team


class CampaignQuerySet(OfficeQuerySet["Campaign"]):
    def running(self) -> Self:
        return self.filter(state=Campaign.State.RUNNING)


class Campaign(OfficeModel):
    """A review of the access of an office, decided by reviewers until the deadline.

    `sequence` and `head` are the end of the office's chain of events when the population was frozen; the roots are
    Merkle roots (see `audit.verify`), which the events of the campaign publish.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Not started")
        RUNNING = "running", pgettext_lazy("review", "In progress")
        CLOSED = "closed", pgettext_lazy("review", "Ended")
        DONE = "done", pgettext_lazy("review", "Completed")

    class Scope(models.TextChoices):
        EVERYONE = "everyone", _("Everyone, with every team, right and integration")
        TEAMS = "teams", _("Memberships of certain teams")
        RIGHTS = "rights", _("Certain rights, by any path")
        MACHINES = "machines", _("SSO/Webservice users and integrations")
        DORMANT = "dormant", _("Users who have not logged in for a while")

    class Undecided(models.TextChoices):
        """What happens to what is undecided at the end."""

        KEEP = "keep", _("Nothing: it stays, and the administrators are told")
        REVOKE = "revoke", _("It is revoked with the rest")

    name = models.CharField(_("Name"), max_length=60)
    state = models.CharField(max_length=7, choices=State, default=State.DRAFT)
    scope = models.CharField(_("What is reviewed"), max_length=8, choices=Scope, default=Scope.EVERYONE)
    scope_teams = ArrayField(models.UUIDField(), default=list)
    scope_rights = ArrayField(models.CharField(max_length=40), default=list)
    scope_days = models.PositiveSmallIntegerField(_("Days without a login"), null=True)
    undecided = models.CharField(
        _("What is undecided at the end"), max_length=6, choices=Undecided, default=Undecided.KEEP
    )
    deadline = models.DateField(_("Last day"))
    repeat_months = models.PositiveSmallIntegerField(_("Repeat"), default=0)
    starter = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    # The last that ended before the start; of a draft, the one that it repeats.
    previous = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    repeated_at = models.DateTimeField(null=True)  # when the next campaign was made of this one
    reminded_on = models.DateField(null=True)  # or invited, when it started
    undone_at = models.DateTimeField(null=True)
    job_id = models.UUIDField(null=True)  # of the import job that executes the decisions
    jobs = ArrayField(models.UUIDField(), default=list)  # import jobs that were executed
    acts = ArrayField(models.CharField(max_length=36), default=list)  # their correlation ids
    undone_acts = ArrayField(models.CharField(max_length=36), default=list)  # those of `acts` that were undone
    sequence = models.BigIntegerField(null=True)
    head = models.CharField(max_length=64, default="")
    population_root = models.CharField(max_length=64, default="")
    decisions_root = models.CharField(max_length=64, default="")
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="campaign_id_provider"),
            models.CheckConstraint(
                condition=Q(state="draft", started_at=None)
                | ~Q(state="draft") & Q(started_at__isnull=False, sequence__isnull=False) & ~Q(population_root=""),
                name="campaign_frozen_once_started",
            ),
            SameOfficeForeignKey("starter"),
            SameOfficeForeignKey("previous"),
        ]
        indexes = [
            models.Index(fields=["provider", "-id"], name="campaign_newest"),
            models.Index(fields=["deadline"], condition=Q(state="running"), name="campaign_running"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    @property
    def is_running(self) -> bool:
        """Whether decisions can be taken: until the end of the last day."""
        return self.state == self.State.RUNNING and self.deadline >= timezone.localdate()

    @property
    def is_decided(self) -> bool:
        return self.state in (self.State.CLOSED, self.State.DONE)

    @property
    def can_remind(self) -> bool:
        """Whether the reviewers got no e-mail today."""
        return self.is_running and self.reminded_on != timezone.localdate()

    @property
    def is_waiting(self) -> bool:
        """Whether it is the successor in a series and did not start by itself."""
        return self.is_draft and self.previous_id is not None

    @property
    def next_on(self) -> date | None:
        """The day from which the next of the series is made, None if it does not repeat, or not any more."""
        if not self.repeat_months or self.started_at is None or self.repeated_at is not None:
            return None
        return timezone.localdate(self.started_at + timedelta(days=round(30.4375 * self.repeat_months)))

    @property
    def days_left(self) -> int:
        return max((self.deadline - timezone.localdate()).days, 0)


class CampaignReviewer(OfficeModel):
    """A user who decides: about everything, or as the reviewer of one team about the memberships of that team."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="reviewers")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "campaign", "user", "team"], name="campaign_reviewer_once", nulls_distinct=False
            ),
            SameOfficeForeignKey("campaign"),
            SameOfficeForeignKey("user"),
            SameOfficeForeignKey("team"),
        ]

    def __str__(self) -> str:
        return str(self.user_id)


class ReviewedTeam(OfficeModel):
    """A team as it was at the freeze."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="teams")
    team_id = models.UUIDField()
    name = models.CharField(max_length=50)
    rights = ArrayField(models.CharField(max_length=40))
    employers = ArrayField(models.UUIDField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "campaign", "team_id"], name="reviewed_team_once"),
            SameOfficeForeignKey("campaign"),
        ]

    def __str__(self) -> str:
        return self.name


class ReviewedUser(OfficeModel):
    """A user of the office at the freeze; the row holds no personal data and stays when the user is erased."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="subjects")
    person_id = models.UUIDField()
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    login_method = models.CharField(max_length=20, choices=LoginMethod)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="reviewed_user_id_provider"),
            models.UniqueConstraint(fields=["provider", "campaign", "person_id"], name="reviewed_user_once"),
            SameOfficeForeignKey("campaign"),
            SameOfficeForeignKey("user"),
        ]

    def __str__(self) -> str:
        return str(self.person_id)

    @property
    def list_name(self) -> str:
        return self.user.list_name if self.user is not None else build_erased_name(self.person_id)
