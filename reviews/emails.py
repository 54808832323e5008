"""E-mails to reviewers, and to administrators at the end of a campaign."""

from typing import Any

from django.urls import reverse

from accounts import emails
from accounts.models import User
from permissions import checks
from permissions.checks import Right
from reviews.campaign_models import Campaign, CampaignReviewer
from reviews.progress import count_open_for

_DECISIONS_PER_MINUTE = 12  # for what an e-mail says about the time it takes


def list_reviewers(campaign: Campaign) -> list[User]:
    rows = CampaignReviewer.objects.filter(provider=campaign.provider_id, campaign=campaign)
    users = User.objects.filter(pk__in=rows.values("user")).select_related("provider")
    return [user for user in users if checks.has_right(user, Right.REVIEW_ACCESS)]


def send_to_reviewers(campaign: Campaign) -> int:
    """Tell each reviewer who has something to decide how much it is; return the number of e-mails."""
    sent = 0
    for user in list_reviewers(campaign):
        if count := count_open_for(campaign, user):
            minutes = max(1, round(count / _DECISIONS_PER_MINUTE))
            facts = _build_facts(campaign, "reviews:decide")
            emails.send("review_open", user, kind="review_open", count=count, minutes=minutes, **facts)
            sent += 1
    return sent


def send_ended(campaign: Campaign, *, undecided: int, revoked: int) -> None:
    """Tell the administrators what is left, who also execute the decisions."""
    users = [user for user in checks.list_active_administrators(campaign.provider) if not user.has_ended()]
    if users:
        facts = _build_facts(campaign, "reviews:campaign")
        emails.send("review_ended", *users, kind="review_ended", undecided=undecided, revoked=revoked, **facts)


def _build_facts(campaign: Campaign, page: str) -> dict[str, Any]:
    review = {"name": campaign.name, "deadline": campaign.deadline}
    return {"review": review, "review_url": reverse(page, args=[campaign.pk])}
