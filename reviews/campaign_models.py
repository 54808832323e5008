"""Access reviews: campaigns, their reviewers, the frozen population, and the decision about each path to access."""

from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import LoginMethod, User
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
        RUNNING = "running", _("In progress")
        CLOSED = "closed", pgettext_lazy("review", "Decided")
        DONE = "done", pgettext_lazy("review", "Completed")

    class Scope(models.TextChoices):
        EVERYONE = "everyone", _("Everyone, with every team, right and integration")
        TEAMS = "teams", _("Members of certain teams")
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


class Decision(models.TextChoices):
    KEEP = "keep", _("Keep")
    REVOKE = "revoke", _("Revoke")
    LATER = "later", _("Later")


class Outcome(models.TextChoices):
    """The one decision about a path, once its campaign is closed."""

    KEEP = "keep", pgettext_lazy("review", "Kept")
    REVOKE = "revoke", pgettext_lazy("review", "To be revoked")
    UNDECIDED = "undecided", _("Undecided")
    ERASED = "erased", _("User erased")


class ReviewItemQuerySet(OfficeQuerySet["ReviewItem"]):
    def decided(self) -> Self:
        """Return what was decided: who only postponed did not decide."""
        return self.filter(decision__in=[Decision.KEEP, Decision.REVOKE])

    def open(self) -> Self:
        """Return what must still be decided: erased users have no access left."""
        return self.filter(in_scope=True, decision__in=["", Decision.LATER], subject__user__isnull=False)

    def decidable_by(self, user: User, campaign: Campaign) -> Self:
        """Return the items of `campaign` that `user` may decide about, as the reviewer of everything or of the team.

        Nobody decides about their own access, nor about that of those who decided about them in the same campaign or
        review a team of theirs: each path to a decision asks this.
        """
        mine: dict[str, Any] = {"provider": user.provider_id, "campaign": campaign}
        appointed = CampaignReviewer.objects.filter(**mine, user=user)
        teams = appointed.filter(team__isnull=False).values("team_id")
        own = ReviewItem.objects.filter(**mine, subject__person_id=user.pk)
        own_teams = own.filter(in_scope=True, kind=ReviewItem.Kind.TEAM).values("object_id")
        decided_about_them = own.decided().filter(decided_by__isnull=False).values("decided_by")
        own_reviewers = CampaignReviewer.objects.filter(**mine, team__in=own_teams).values("user_id")
        items = self.filter(**mine, in_scope=True)
        items = items.filter(Exists(appointed.filter(team=None)) | Q(kind=ReviewItem.Kind.TEAM, object_id__in=teams))
        items = items.exclude(subject__person_id__in=decided_about_them)
        return items.exclude(subject__person_id__in=own_reviewers).exclude(subject__person_id=user.pk)


class ReviewItem(OfficeModel):
    """One path by which a user had access at the freeze, with every right along it; decided as a whole.

    A membership gives `rights` of the team at the freeze, an individual right itself, an integration its scopes.
    """

    class Kind(models.TextChoices):
        TEAM = "team", _("Team")
        RIGHT = "right", _("Individual right")
        INTEGRATION = "integration", _("Integration")

    class Note(models.TextChoices):
        """What a reviewer should look at; a path without notes is plain."""

        NEW = "new", _("New, or not kept in an earlier review")
        INDIVIDUAL = "individual", _("Individual right")
        INTEGRATION = "integration", _("Acts for the user outside Loket")
        OFFICE = "office", _("Allowed for all users of the office")
        ADMINISTRATOR = "administrator", _("Administers the office")
        NEVER = "never", _("Never logged in")
        DORMANT = "dormant", _("Not logged in for 90 days")
        INACTIVE = "inactive", _("Does not work now")
        MACHINE = "machine", _("Account of a program")

    class Result(models.TextChoices):
        """What executing the decision to revoke came to."""

        REVOKED = "revoked", pgettext_lazy("review", "Revoked")
        SKIPPED = "skipped", pgettext_lazy("review", "Not revoked")
        GONE = "gone", pgettext_lazy("review", "Was gone already")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="items")
    subject = models.ForeignKey(ReviewedUser, on_delete=models.CASCADE, related_name="items")
    kind = models.CharField(max_length=11, choices=Kind)
    object_id = models.UUIDField(null=True)  # of the team or the integration
    code = models.CharField(max_length=40, default="")  # of the individual right
    name = models.CharField(max_length=50, default="")  # of the team or the integration at the freeze
    rights = ArrayField(models.CharField(max_length=40))
    employer_count = models.PositiveIntegerField(default=0)
    granted_at = models.DateTimeField(null=True)
    in_scope = models.BooleanField()
    notes = ArrayField(models.CharField(max_length=13), default=list)
    decision = models.CharField(max_length=6, choices=Decision, default="")
    decided_by = models.UUIDField(null=True)  # a user, who may be erased since; null at the deadline
    decided_at = models.DateTimeField(null=True)
    event_id = models.UUIDField(null=True)  # of the last decision, which holds the reason
    version = models.PositiveSmallIntegerField(default=0)  # number of decisions so far
    outcome = models.CharField(max_length=9, choices=Outcome, default="")  # "" until the campaign is closed
    result = models.CharField(max_length=7, choices=Result, default="")

    objects = ReviewItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "campaign", "subject", "kind", "object_id", "code"],
                name="review_item_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None) | ~Q(decision="") & Q(decided_at__isnull=False),
                name="review_item_decided_at",
            ),
            SameOfficeForeignKey("campaign"),
            SameOfficeForeignKey("subject"),
        ]
        indexes = [
            models.Index(fields=["provider", "campaign", "object_id"], name="review_item_by_object"),
            models.Index(fields=["provider", "campaign", "decided_by", "decided_at"], name="review_item_by_reviewer"),
        ]

    def __str__(self) -> str:
        return self.name or self.code

    @property
    def is_erased(self) -> bool:
        return self.subject.user_id is None
