"""Progress of a campaign: how many paths are decided, by whom, how fast, and what strikes."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.models import build_erased_name
from core.charts import Part, StackedBar
from permissions.catalog import rights_from_codes, sort_rights
from permissions.models import Team
from reviews.campaign_models import Campaign, CampaignReviewer, ReviewedTeam
from reviews.item_models import Decision, Outcome, ReviewItem
from reviews.reviewers import count_open_paths, list_possible_reviewers

# The most decisions that each reviewer took within two minutes.
_PACE_SQL = """
SELECT decided_by, count(*), max(decided_at), max(pace) FROM (
    SELECT decided_by, decided_at, count(*) OVER (
        PARTITION BY decided_by ORDER BY decided_at RANGE BETWEEN interval '2 minutes' PRECEDING AND CURRENT ROW
    ) AS pace
    FROM reviews_reviewitem
    WHERE provider_id = %(provider)s AND campaign_id = %(campaign)s AND decision IN ('keep', 'revoke')
) decided GROUP BY decided_by"""


@dataclass(frozen=True)
class Progress:
    """Numbers of paths in scope by decision, see `count_decisions`."""

    counts: Counter[str]

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def kept(self) -> int:
        return self.counts[Decision.KEEP]

    @property
    def revoked(self) -> int:
        return self.counts[Decision.REVOKE]

    @property
    def later(self) -> int:
        return self.counts[Decision.LATER]

    @property
    def erased(self) -> int:
        return self.counts[Outcome.ERASED]

    @property
    def decided(self) -> int:
        return self.kept + self.revoked

    @property
    def undecided(self) -> int:
        """Without a decision, and not postponed either."""
        return self.counts[""]

    @property
    def open(self) -> int:
        return self.undecided + self.later

    def count_to_revoke(self, campaign: Campaign) -> int:
        """Return how many paths are to be revoked, by a decision or by what the ended `campaign` says of the rest."""
        is_rest_revoked = campaign.is_decided and campaign.undecided == Campaign.Undecided.REVOKE
        return self.revoked + (self.open if is_rest_revoked else 0)


@dataclass
class ReviewerProgress:
    """What one reviewer has to decide and did; `pace` is the most decisions within two minutes.

    `may_decide` counts all open paths that the reviewer may decide about; `open` those of the reviewer's teams: the
    reviewers of everything share those of the other teams.
    """

    person_id: UUID
    user: User | None  # None once erased
    teams: list[str] = field(default_factory=list)
    is_general: bool = False
    is_able: bool = True  # may review now
    open: int = 0
    may_decide: int = 0
    decided: int = 0
    last_at: datetime | None = None
    pace: int = 0

    @property
    def name(self) -> str:
        return self.user.list_name if self.user is not None else build_erased_name(self.person_id)


def describe_scope(campaign: Campaign) -> str:
    """Return what is reviewed, with the names of teams at the freeze, the rights or the days. One query at most."""
    names: Iterable[object] = ()
    match campaign.scope:
        case Campaign.Scope.TEAMS:
            office = {"provider": campaign.provider_id}
            frozen = ReviewedTeam.objects.filter(**office, campaign=campaign, team_id__in=campaign.scope_teams)
            now = Team.objects.filter(**office, pk__in=campaign.scope_teams)
            names = (now if campaign.is_draft else frozen).order_by("name").values_list("name", flat=True)
        case Campaign.Scope.RIGHTS:
            names = [right.label for right in sort_rights(rights_from_codes(campaign.scope_rights))]
        case Campaign.Scope.DORMANT:
            days = campaign.scope_days or 0
            names = [ngettext("%(count)d day", "%(count)d days", days) % {"count": days}]
    return ": ".join(filter(None, [campaign.get_scope_display(), ", ".join(map(str, names))]))


def count_decisions(campaigns: Collection[Campaign]) -> dict[UUID, Counter[str]]:
    """Return the numbers of paths in scope by decision ("" for none, "erased") of each campaign. One query."""
    offices, ids = {campaign.provider_id for campaign in campaigns}, [campaign.pk for campaign in campaigns]
    rows = ReviewItem.objects.filter(provider__in=offices, campaign__in=ids, in_scope=True)
    rows_by = rows.values_list("campaign_id", "decision").annotate(
        here=Count("pk", filter=Q(subject__user__isnull=False)), gone=Count("pk", filter=Q(subject__user=None))
    )
    found: dict[UUID, Counter[str]] = {campaign.pk: Counter() for campaign in campaigns}
    for campaign_id, decision, here, gone in rows_by.order_by():
        is_open = decision in ("", Decision.LATER)
        found[campaign_id][decision] += here if is_open else here + gone
        found[campaign_id][Outcome.ERASED] += gone if is_open else 0
    return found


def count_by_decision(items: QuerySet[ReviewItem]) -> Progress:
    """Return the progress of some of the paths of a campaign. One query."""
    rows = items.filter(subject__user__isnull=False).order_by().values_list("decision").annotate(count=Count("pk"))
    return Progress(Counter(dict(rows)))


def measure_progress(campaign: Campaign) -> Progress:
    return Progress(count_decisions([campaign])[campaign.pk])


def draw_bar(found: Progress) -> StackedBar:
    parts: list[tuple[str, int, Any]] = [
        (_("Keep"), found.kept, "good"),
        (_("Revoke"), found.revoked, "bad"),
        (_("Later"), found.later, "attention"),
        (_("Still open"), found.undecided, "none"),
        (_("User erased"), found.erased, "accent"),
    ]
    label = _("%(decided)s of %(total)s decided") % {
        "decided": number_format(found.decided, force_grouping=True),
        "total": number_format(found.total, force_grouping=True),
    }
    return StackedBar("review", label, [Part(name, count, found.total, tone) for name, count, tone in parts])


def count_notes(campaign: Campaign) -> list[tuple[str, int]]:
    """Return what strikes, each with the number of open paths; most first. One query."""
    with connection.cursor() as cursor:
        sql = """SELECT note, count(*) FROM reviews_reviewitem, unnest(notes) note
            WHERE provider_id = %s AND campaign_id = %s AND in_scope AND decision IN ('', 'later')
            AND EXISTS (SELECT 1 FROM reviews_revieweduser s WHERE s.id = subject_id AND s.user_id IS NOT NULL)
            GROUP BY note ORDER BY count(*) DESC, note"""
        cursor.execute(sql, [campaign.provider_id, campaign.pk])
        return [(str(ReviewItem.Note(note).label), count) for note, count in cursor.fetchall()]


def count_open_for(campaign: Campaign, user: User) -> int:
    """Return how many open paths `user` may decide about. One query."""
    return ReviewItem.objects.decidable_by(user, campaign).open().count()


def count_without_reviewer(campaign: Campaign) -> int:
    """Return how many open paths none of the reviewers may decide about. Five queries."""
    able = {user.pk for user in list_possible_reviewers(campaign.provider)}
    return count_open_paths(campaign, able).without_reviewer


def list_reviewer_progress(campaign: Campaign) -> list[ReviewerProgress]:
    """Return the reviewers by name, and those who decided before they were replaced or erased."""
    mine = CampaignReviewer.objects.filter(provider=campaign.provider_id, campaign=campaign)
    rows = list(mine.select_related("user__provider", "team").order_by("user__sort_name", "team__sort_name"))
    found: dict[UUID, ReviewerProgress] = {}
    able = {user.pk for user in list_possible_reviewers(campaign.provider)}
    counts = count_open_paths(campaign, able)
    for row in rows:
        reviewer = found.setdefault(row.user_id, ReviewerProgress(row.user_id, row.user))
        if row.team is None:
            reviewer.is_general = True
        else:
            reviewer.teams.append(row.team.name)
        reviewer.open = counts.shares.get(row.user_id, 0)
        reviewer.may_decide = counts.may_decide.get(row.user_id, 0)
    paces = _measure_pace(campaign)
    others = User.objects.select_related("provider").in_bulk([row[0] for row in paces if row[0] not in found])
    for user_id, count, last_at, pace in paces:
        reviewer = found.setdefault(user_id, ReviewerProgress(user_id, others.get(user_id), is_able=False))
        reviewer.decided, reviewer.last_at, reviewer.pace = count, last_at, pace
    for reviewer in found.values():
        reviewer.is_able = reviewer.is_able and reviewer.person_id in able
    return list(found.values())


def _measure_pace(campaign: Campaign) -> list[tuple[UUID, int, datetime, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_PACE_SQL, {"provider": campaign.provider_id, "campaign": campaign.pk})
        rows: list[tuple[UUID, int, datetime, int]] = cursor.fetchall()
        return rows
