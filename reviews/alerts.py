"""The alert of the home page that leads to a running review, one that waits, or the plan of one that has ended."""

from collections.abc import Container
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.models import User
from permissions.checks import Right
from reviews.campaign_models import Campaign, CampaignReviewer
from reviews.plans import count_to_revoke
from reviews.progress import count_open_for, count_without_reviewer

_URGENT_DAYS = 3
_MOST, _MOST_LISTED = 10, 100  # reviews of one kind that are looked at, and of all kinds


@dataclass(frozen=True)
class ReviewAlert:
    """An alert beside those of `users.alerts`: decisions that the user can take, or revocations to confirm."""

    campaign: Campaign
    count: int
    is_stuck: bool = False  # counts decisions for which a reviewer is needed
    icon = "review"

    @property
    def tone(self) -> str:
        return "danger" if self.campaign.is_running and self.campaign.days_left <= _URGENT_DAYS else "warning"

    @property
    def action(self) -> str:
        is_to_decide = self.campaign.is_running and not self.is_stuck
        if self.campaign.is_draft:
            return pgettext("alert", "Start")
        return pgettext("alert", "Decide") if is_to_decide else pgettext("alert", "View")

    @property
    def url(self) -> str:
        if self.is_stuck:
            return reverse("reviews:reviewers", args=[self.campaign.pk])
        return reverse("reviews:decide" if self.campaign.is_running else "reviews:campaign", args=[self.campaign.pk])

    @property
    def sentence(self) -> str:
        count = number_format(self.count, force_grouping=True)
        if self.campaign.is_draft:
            text = ngettext(
                "%(count)s access review did not start", "%(count)s access reviews did not start", self.count
            )
        elif self.is_stuck:
            text = ngettext("%(count)s path without a reviewer", "%(count)s paths without a reviewer", self.count)
        elif self.campaign.is_running:
            text = ngettext("%(count)s decision about access", "%(count)s decisions about access", self.count)
        else:
            text = ngettext("%(count)s path to revoke", "%(count)s paths to revoke", self.count)
        return text % {"count": count}

    @property
    def advice(self) -> str:
        values = {"name": self.campaign.name, "day": date_format(self.campaign.deadline, "j F")}
        if self.campaign.is_draft:
            return _("%(name)s was due. Choose who may review and what is reviewed, and start it.") % values
        if self.is_stuck:
            return _("%(name)s, until %(day)s. Add a reviewer.") % values
        if self.campaign.is_running:
            return _("%(name)s, until %(day)s.") % values
        return _("%(name)s has ended. Make the plan and confirm it.") % values


def find_review_alert(user: User, rights: Container[Right]) -> ReviewAlert | None:
    """Return the alert of the review that ends first, before one that waits and those that have ended.

    One query if there is none.
    """
    if Right.REVIEW_ACCESS not in rights:
        return None
    appointed = CampaignReviewer.objects.filter(provider=user.provider_id, user=user, campaign=OuterRef("pk"))
    is_running = Q(state=Campaign.State.RUNNING, deadline__gte=timezone.localdate())
    is_waiting = Q(state=Campaign.State.DRAFT, previous__isnull=False)
    found = Campaign.objects.visible_to(user).filter(is_running | is_waiting | Q(state=Campaign.State.CLOSED))
    found = found.annotate(is_mine=Exists(appointed)).select_related("provider")
    listed = list(found.order_by("-state", F("is_mine").desc(), "deadline", "pk")[:_MOST_LISTED])
    running = [campaign for campaign in listed if campaign.is_running]
    for campaign in running[:_MOST]:
        if campaign.is_mine and (count := count_open_for(campaign, user)):  # type: ignore[attr-defined]
            return ReviewAlert(campaign, count)
    return _find_alert_of_administrator(listed, running) if Right.MANAGE_PROVIDER in rights else None


def _find_alert_of_administrator(listed: list[Campaign], running: list[Campaign]) -> ReviewAlert | None:
    for campaign in running[:_MOST]:
        if count := count_without_reviewer(campaign):
            return ReviewAlert(campaign, count, is_stuck=True)
    if waiting := [campaign for campaign in listed if campaign.is_waiting]:
        return ReviewAlert(waiting[0], len(waiting))
    for campaign in [campaign for campaign in listed if campaign.is_decided][:_MOST]:
        if count := count_to_revoke(campaign):
            return ReviewAlert(campaign, count)
    return None
