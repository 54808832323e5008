"""The alert of the home page that leads to a running review, or to the plan of one that has ended."""

from collections.abc import Container
from dataclasses import dataclass

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.models import User
from permissions.checks import Right
from reviews.campaign_models import Campaign
from reviews.plans import count_to_revoke
from reviews.progress import count_open_for

_URGENT_DAYS = 3


@dataclass(frozen=True)
class ReviewAlert:
    """An alert beside those of `users.alerts`: decisions that the user can take, or revocations to confirm."""

    campaign: Campaign
    count: int
    icon = "review"

    @property
    def tone(self) -> str:
        return "danger" if self.campaign.is_running and self.campaign.days_left <= _URGENT_DAYS else "warning"

    @property
    def action(self) -> str:
        return pgettext("alert", "Decide") if self.campaign.is_running else pgettext("alert", "View")

    @property
    def url(self) -> str:
        return reverse("reviews:decide" if self.campaign.is_running else "reviews:campaign", args=[self.campaign.pk])

    @property
    def sentence(self) -> str:
        count = number_format(self.count, force_grouping=True)
        if self.campaign.is_running:
            text = ngettext("%(count)s decision about access", "%(count)s decisions about access", self.count)
        else:
            text = ngettext("%(count)s path to revoke", "%(count)s paths to revoke", self.count)
        return text % {"count": count}

    @property
    def advice(self) -> str:
        values = {"name": self.campaign.name, "day": date_format(self.campaign.deadline, "j F")}
        if self.campaign.is_running:
            return _("%(name)s, until %(day)s.") % values
        return _("%(name)s has ended. Make the plan and confirm it.") % values


def find_review_alert(user: User, rights: Container[Right]) -> ReviewAlert | None:
    """Return the alert of the review that ends first. One query, and one more for each review that is not done."""
    if Right.REVIEW_ACCESS not in rights:
        return None
    current = Campaign.objects.visible_to(user).filter(state__in=[Campaign.State.RUNNING, Campaign.State.CLOSED])
    for campaign in current.order_by("deadline", "pk")[:5]:
        if campaign.is_running:
            count = count_open_for(campaign, user)
        else:
            count = count_to_revoke(campaign) if Right.MANAGE_PROVIDER in rights else 0
        if count:
            return ReviewAlert(campaign, count)
    return None
