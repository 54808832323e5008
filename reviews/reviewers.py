"""Who can review, and how many open paths each reviewer of a campaign may decide about."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Value, When

from accounts.models import Provider, User
from permissions import checks
from permissions.catalog import Right
from reviews.campaign_models import Campaign, CampaignReviewer
from reviews.item_models import ReviewItem


def list_possible_reviewers(provider: Provider) -> list[User]:
    """Return the users who can review now, by name: active, with the right."""
    holders = checks.filter_right_holders(provider, Right.REVIEW_ACCESS).order_by("sort_name", "pk")
    able = [user for user in holders if user.inactive_reason is None and not user.is_webservice_user]
    for user in able:
        user.provider = provider
    return list(able)


@dataclass(frozen=True)
class OpenPaths:
    """Numbers of open paths by the id of the reviewer who may decide about them, as `decidable_by` says.

    `shares` leaves those of teams that have a reviewer to these. `without_reviewer` is how many nobody may decide about
    of those who can review now.
    """

    may_decide: Mapping[UUID, int]
    shares: Mapping[UUID, int]
    without_reviewer: int


def count_open_paths(campaign: Campaign, able: set[UUID]) -> OpenPaths:
    """Count them for all reviewers at once; `able` can review now. Four queries, whatever the number of reviewers."""
    mine = CampaignReviewer.objects.filter(provider=campaign.provider_id, campaign=campaign)
    general, by_team = set[UUID](), defaultdict[UUID, set[UUID]](set)
    for user_id, team_id in mine.values_list("user_id", "team_id"):
        (by_team[team_id] if team_id else general).add(user_id)
    barred = _find_barred(campaign, general.union(*by_team.values()), by_team)
    may_decide, shares, without_reviewer = Counter[UUID](), Counter[UUID](), 0
    for team, person_id, count in _count_groups(campaign, set[UUID]().union(*barred.values())):
        named = by_team.get(team, set()) if team else set()
        found = {user for user in general | named if person_id not in barred[user]}
        for user in found:
            may_decide[user] += count
        for user in found & named if named else found:
            shares[user] += count
        without_reviewer += 0 if found & able else count
    return OpenPaths(may_decide, shares, without_reviewer)


def _find_barred(campaign: Campaign, reviewers: set[UUID], by_team: Mapping[UUID, set[UUID]]) -> dict[UUID, set[UUID]]:
    """Return about whose access each reviewer may not decide. Two queries."""
    barred = {user_id: {user_id} for user_id in reviewers}
    office: dict[str, Any] = {"provider": campaign.provider_id, "campaign": campaign}
    own = ReviewItem.objects.filter(**office, subject__person_id__in=reviewers).order_by()
    for user_id, by in own.decided().values_list("subject__person_id", "decided_by").distinct():
        barred[user_id] |= {by} if by else set()
    memberships = own.filter(in_scope=True, kind=ReviewItem.Kind.TEAM, object_id__in=list(by_team))
    for user_id, team_id in memberships.values_list("subject__person_id", "object_id"):
        barred[user_id] |= by_team[team_id] if team_id else set()
    return barred


def _count_groups(campaign: Campaign, persons: set[UUID]) -> list[tuple[UUID | None, UUID | None, int]]:
    """Return the numbers of open paths by team, None for other paths, and by user, None for others than `persons`."""
    rows = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign).open().order_by()
    team = Case(When(kind=ReviewItem.Kind.TEAM, then=F("object_id")), default=Value(None))
    person = Case(When(subject__person_id__in=persons, then=F("subject__person_id")), default=Value(None))
    return list(rows.values_list(team, person).annotate(count=Count("pk")))
