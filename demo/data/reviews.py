"""The access review of the first example office: it runs, some of it is decided, and one path is to be revoked."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from accounts.models import Provider, User
from audit.actors import Actor
from demo.clock import set_clock
from demo.data.arrivals import build_actor
from permissions.duties import find_broken_rules
from permissions.models import Team
from reviews import campaigns, decisions
from reviews.campaigns import CampaignDetails, Reviewers
from reviews.models import Campaign, Decision, ReviewItem

_DAYS, _KEPT, _SECONDS = 14, 14, 25  # for the review; decisions to keep; between two decisions


def start_review(office: Provider, general: Iterable[User], by_team: dict[Team, User], *, by: Actor) -> Campaign:
    today = timezone.localdate()
    details = CampaignDetails(
        name=f"Toegang {(today.month + 2) // 3}e kwartaal {today.year}",
        deadline=today + timedelta(days=_DAYS),
        repeat_months=3,
    )
    campaign = campaigns.create_campaign(office, details, Reviewers(tuple(general), by_team), by=by)
    return campaigns.start_campaign(campaign, by=by)


def decide_some(campaign: Campaign, reviewer: User, superfluous: User) -> None:
    """Let `reviewer` keep some plain paths, revoke the individual right of a user, and put off what is striking."""
    mine = ReviewItem.objects.decidable_by(reviewer, campaign).order_by("subject__user__sort_name", "pk")
    plain = decisions.filter_plain(mine, find_broken_rules(campaign.provider_id))
    wanted = [(item, Decision.KEEP, "") for item in plain[:_KEPT]]
    revoked = mine.filter(subject__person_id=superfluous.pk, kind=ReviewItem.Kind.RIGHT)
    wanted += [(item, Decision.REVOKE, "Zit al in het team.") for item in revoked]
    striking = mine.filter(notes__contains=[ReviewItem.Note.DORMANT], kind=ReviewItem.Kind.TEAM)
    wanted += [(item, Decision.LATER, "Eerst navragen.") for item in striking[:2]]
    begin = timezone.now()
    for number, (item, decision, reason) in enumerate(wanted):
        with set_clock(begin + timedelta(seconds=_SECONDS * number)):
            decisions.decide(item, decision, reason=reason, seen=0, by=build_actor(reviewer))
