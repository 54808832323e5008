"""Access reviews: each path to access at the freeze, the decision about it, and who may take that."""

from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from core.composite_keys import SameOfficeForeignKey
from permissions.catalog import rights_from_codes
from permissions.models import OfficeModel, OfficeQuerySet
from reviews.campaign_models import Campaign, CampaignReviewer, ReviewedUser


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
        UNDONE = "undone", pgettext_lazy("review", "Revocation undone")

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
    def title(self) -> str:
        """The name of the team or the integration at the freeze, or the right in words."""
        rights = rights_from_codes([self.code])
        return str(min(rights).label) if rights else str(self)
