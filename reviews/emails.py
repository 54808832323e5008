"""E-mails to reviewers, and to administrators at the end of a campaign."""

from collections.abc import Container
from typing import Any
from uuid import UUID

from django.urls import reverse

from accounts import emails
from accounts.models import User
from permissions import checks
from reviews.campaign_models import Campaign
from reviews.reviewers import count_open_paths, list_possible_reviewers

_DECISIONS_PER_MINUTE = 12  # for what an e-mail says about the time it takes


def send_to_reviewers(campaign: Campaign, *, except_to: Container[UUID] = ()) -> int:
    """Tell each reviewer who has something to decide how much it is; return the number of e-mails."""
    able = {user.pk: user for user in list_possible_reviewers(campaign.provider)}
    users_by_count: dict[int, list[User]] = {}
    for user_id, count in count_open_paths(campaign, set(able)).may_decide.items():
        if user_id in able and user_id not in except_to:
            users_by_count.setdefault(count, []).append(able[user_id])
    for count, users in users_by_count.items():
        minutes = max(1, round(count / _DECISIONS_PER_MINUTE))
        facts = _build_facts(campaign, "reviews:decide")
        emails.send("review_open", *users, kind="review_open", count=count, minutes=minutes, **facts)
    return sum(map(len, users_by_count.values()))


def send_ended(campaign: Campaign, *, undecided: int, revoked: int) -> None:
    """Tell the administrators what is left, who also execute the decisions."""
    if users := _list_administrators(campaign):
        facts = _build_facts(campaign, "reviews:campaign")
        emails.send("review_ended", *users, kind="review_ended", undecided=undecided, revoked=revoked, **facts)


def send_waiting(campaign: Campaign, *, is_empty: bool) -> None:
    """Tell the administrators that the next of a series did not start: nothing to review, or else no reviewers."""
    if users := _list_administrators(campaign):
        facts = _build_facts(campaign, "reviews:campaign")
        emails.send("review_waiting", *users, kind="review_waiting", is_empty=is_empty, **facts)


def _list_administrators(campaign: Campaign) -> list[User]:
    return [user for user in checks.list_active_administrators(campaign.provider) if not user.has_ended()]


def _build_facts(campaign: Campaign, page: str) -> dict[str, Any]:
    review = {"name": campaign.name, "deadline": campaign.deadline}
    return {"review": review, "review_url": reverse(page, args=[campaign.pk])}
