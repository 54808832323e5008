"""Actions on campaigns: prepare, start, which freezes the population, change reviewers, and close."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Case, F, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit import chain, verify_review
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.errors import EditConflict
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from permissions.models import Team
from reviews import emails
from reviews.campaign_models import Campaign, CampaignReviewer
from reviews.decisions import lock_campaign
from reviews.item_models import Decision, Outcome, ReviewItem
from reviews.plans import filter_to_revoke
from reviews.population import compute_population_root, freeze_population
from reviews.reviewers import list_possible_reviewers

_FETCH_SIZE = 5000


@dataclass(frozen=True)
class CampaignDetails:
    """What an administrator chose; see the fields of `Campaign`."""

    name: str
    deadline: date
    scope: str = Campaign.Scope.EVERYONE
    scope_teams: tuple[UUID, ...] = ()
    scope_rights: tuple[str, ...] = ()
    scope_days: int | None = None
    undecided: str = Campaign.Undecided.KEEP
    repeat_months: int = 0

    def build_values(self) -> dict[str, Any]:
        """Return the values to store. Administrators hold the rights that theirs implies, so that one is added."""
        values = {name: sorted(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        codes = {right.value for code in self.scope_rights for right in Right(code).granted_by}
        return values | {"scope_rights": sorted(codes)}


@dataclass(frozen=True)
class Reviewers:
    """Users who decide about everything, and those named per team, who decide about its members."""

    general: tuple[User, ...]
    by_team: Mapping[Team, User]


@action()
def create_campaign(provider: Provider, chosen: CampaignDetails, reviewers: Reviewers, *, by: Actor) -> Campaign:
    """Prepare a campaign; nothing is frozen or mailed before it starts. Raises ValidationError."""
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    campaign = Campaign.objects.create(provider=provider, starter=by.user, **chosen.build_values())
    _store_reviewers(campaign, reviewers)
    what: Changes = {"scope": [None, chosen.scope], "until": [None, chosen.deadline.isoformat()]}
    what["reviewers"] = [None, list_reviewer_ids(campaign)]
    record(Verb.REVIEW_CREATED, campaign, by=by, provider_id=provider.pk, changes=what)
    return campaign


def _store_reviewers(campaign: Campaign, reviewers: Reviewers) -> None:
    """Raises ValidationError (code "reviewers") unless each may review, and one decides about everything."""
    able = {user.pk for user in list_possible_reviewers(campaign.provider)}
    chosen = {user.pk: user for user in (*reviewers.general, *reviewers.by_team.values())}
    if not reviewers.general:
        raise ValidationError(_("Choose at least one reviewer."), code="reviewers")
    if unable := [user.list_name for pk, user in chosen.items() if pk not in able]:
        text = _(
            "Reviewers need the right “Review access”, and to be able to log in. These cannot review now: %(names)s"
        )
        raise ValidationError(text, code="reviewers", params={"names": "; ".join(sorted(unable))})
    pairs = [(user, None) for user in reviewers.general]
    pairs += [(user, team) for team, user in reviewers.by_team.items()]  # type: ignore[misc]
    CampaignReviewer.objects.filter(provider=campaign.provider, campaign=campaign).delete()
    CampaignReviewer.objects.bulk_create(
        CampaignReviewer(provider=campaign.provider, campaign=campaign, user=user, team=team) for user, team in pairs
    )


@action()
def change_reviewers(campaign: Campaign, reviewers: Reviewers, *, version: int, by: Actor) -> None:
    """Replace the reviewers, also of a running campaign, where those who come get an e-mail; decisions taken stay.

    Raises EditConflict, ValidationError ("over", "reviewers").
    """
    lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign = lock_campaign(campaign.pk, campaign.provider_id)
    if campaign.version != version:
        raise EditConflict
    if campaign.is_decided:
        raise ValidationError(_("This review is over. Nothing was changed."), code="over")
    before, had = list_reviewer_ids(campaign), set(campaign.reviewers.values_list("user_id", flat=True))
    _store_reviewers(campaign, reviewers)
    campaign.version += 1
    campaign.save(update_fields=["version"])
    changes = {"reviewers": [before, list_reviewer_ids(campaign)]}
    record(Verb.REVIEW_CHANGED, campaign, by=by, provider_id=campaign.provider_id, changes=changes)
    if campaign.is_running:
        emails.send_to_reviewers(campaign, except_to=had)


def list_reviewer_ids(campaign: Campaign) -> dict[str, list[str]]:
    """Return the ids of the reviewers by the name of their team, "" for everything.

    Names of users are personal, and the event that records this is about no user.
    """
    rows = CampaignReviewer.objects.filter(provider=campaign.provider_id, campaign=campaign)
    found: dict[str, list[str]] = {}
    for team, user_id in rows.order_by("team__name", "user_id").values_list("team__name", "user_id"):
        found.setdefault(team or "", []).append(str(user_id))
    return found


@action()
def delete_draft(campaign: Campaign, *, by: Actor) -> bool:
    """Delete a campaign that was not started. Returns False if it was started meanwhile."""
    lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign = lock_campaign(campaign.pk, campaign.provider_id)
    if not campaign.is_draft:
        return False
    record(Verb.REVIEW_DELETED, campaign, by=by, provider_id=campaign.provider_id)
    campaign.delete()
    return True


@action()
def start_campaign(campaign: Campaign, *, by: Actor) -> Campaign:
    """Freeze the population and publish its root in the chain of events.

    The lock on the office keeps out every change of access, so that the rows and the events up to `sequence` say the
    same; the start is in the chain before that lock is released, so that no change of access comes between. Raises
    ValidationError ("started", "past", "empty", "reviewers").
    """
    provider = lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign = lock_campaign(campaign.pk, provider.pk)
    _require_can_start(campaign)
    chain.lock_chain(provider.pk)
    chain.append_pending(provider.pk)
    head = chain.get_chain_head(provider.pk)
    closed = Campaign.objects.filter(provider=provider, state__in=[Campaign.State.CLOSED, Campaign.State.DONE])
    campaign.previous = closed.order_by("-closed_at").first()
    size = freeze_population(campaign)
    if not size.in_scope:
        raise ValidationError(_("Nobody has such access now. Choose again what is reviewed."), code="empty")
    campaign.population_root = compute_population_root(campaign)
    campaign.sequence, campaign.head = head
    campaign.state, campaign.started_at, campaign.starter = Campaign.State.RUNNING, timezone.now(), by.user
    campaign.reminded_on = timezone.localdate()
    campaign.save()
    published = {**size._asdict(), **_describe_scope(campaign), "root": campaign.population_root}
    published |= {"head": head.hash, "sequence": head.sequence}
    what: Changes = {"review": [None, published], "reviewers": [None, list_reviewer_ids(campaign)]}
    record(Verb.REVIEW_STARTED, campaign, by=by, provider_id=provider.pk, changes=what)
    chain.append_pending(provider.pk)
    emails.send_to_reviewers(campaign)
    return campaign


def _describe_scope(campaign: Campaign) -> dict[str, Any]:
    """Return what is asked about, and what happens with what is undecided, as `audit.verify_review` checks it."""
    return {
        "scope": campaign.scope, "scope_teams": sorted(map(str, campaign.scope_teams)),
        "scope_rights": sorted(campaign.scope_rights), "scope_days": campaign.scope_days,
        "undecided": campaign.undecided,
    }  # fmt: skip


def _require_can_start(campaign: Campaign) -> None:
    if not campaign.is_draft:
        raise ValidationError(_("This review has been started already."), code="started")
    if campaign.deadline < timezone.localdate():
        raise ValidationError(_("The last day has passed. Choose a later day."), code="past")
    if not count_general_reviewers(campaign):
        raise ValidationError(_("Choose at least one reviewer who may review access now."), code="reviewers")


def count_general_reviewers(campaign: Campaign) -> int:
    """Return how many of those who decide about everything can review now."""
    able = [user.pk for user in list_possible_reviewers(campaign.provider)]
    general = CampaignReviewer.objects.filter(provider=campaign.provider_id, campaign=campaign, team=None)
    return general.filter(user__in=able).count()


@action()
def remind_reviewers(campaign: Campaign, *, by: Actor) -> int:
    """Remind the reviewers who have something open, at most once a day, and return their number.

    Raises ValidationError ("over", "reminded", "nobody").
    """
    lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign, today = lock_campaign(campaign.pk, campaign.provider_id), timezone.localdate()
    if not campaign.is_running:
        raise ValidationError(_("This review is over. Nothing was changed."), code="over")
    if campaign.reminded_on == today:
        raise ValidationError(_("The reviewers got an e-mail today already. Try again tomorrow."), code="reminded")
    count = emails.send_to_reviewers(campaign)
    if not count:
        raise ValidationError(_("No reviewer has anything open that they may decide about."), code="nobody")
    campaign.reminded_on = today
    campaign.save(update_fields=["reminded_on"])
    record(Verb.REVIEW_CHANGED, campaign, by=by, provider_id=campaign.provider_id, changes={"reminder": [None, count]})
    return count


@action()
def close_campaign(campaign: Campaign, *, by: Actor) -> Campaign:
    """End the decisions, early or at the deadline, and publish their root. Raises ValidationError ("over")."""
    provider = lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign = lock_campaign(campaign.pk, provider.pk)
    if campaign.state != Campaign.State.RUNNING:
        raise ValidationError(_("This review is over. Nothing was changed."), code="over")
    chain.lock_chain(provider.pk)
    chain.append_pending(provider.pk)  # the decisions come before the end
    campaign.closed_at = timezone.now()
    _store_outcomes(campaign)
    campaign.state = Campaign.State.CLOSED if filter_to_revoke(campaign).exists() else Campaign.State.DONE
    leaves = list(iter_decisions(campaign))
    campaign.decisions_root = verify_review.compute_merkle_root(leaves)
    campaign.save()
    counts = Counter(leaf["decision"] for leaf in leaves)
    published = {"decisions": dict(sorted(counts.items())), "root": campaign.decisions_root}
    record(Verb.REVIEW_CLOSED, campaign, by=by, provider_id=provider.pk, changes={"review": [None, published]})
    emails.send_ended(campaign, undecided=_count_undecided(campaign), revoked=filter_to_revoke(campaign).count())
    return campaign


def _count_undecided(campaign: Campaign) -> int:
    """Return how many paths had no decision at the end, also if they are revoked therefore."""
    items = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign)
    return items.open().count()


def _store_outcomes(campaign: Campaign) -> None:
    """Give what is undecided what the campaign says about that."""
    revokes = campaign.undecided == Campaign.Undecided.REVOKE
    ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign, in_scope=True).update(
        outcome=Case(
            When(decision__in=[Decision.KEEP, Decision.REVOKE], then=F("decision")),
            When(subject_id__in=campaign.subjects.filter(user=None).values("pk"), then=Value(Outcome.ERASED)),
            default=Value(Outcome.REVOKE if revokes else Outcome.UNDECIDED),
        )
    )


def iter_decisions(campaign: Campaign) -> Iterator[dict[str, Any]]:
    """Yield the decision about each path in scope of a closed campaign, as the leaves of their Merkle tree.

    What was undecided at the end has no reviewer (`by`).
    """
    items = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign, in_scope=True)
    fields = ("pk", "outcome", "decision", "decided_by", "decided_at")
    for pk, outcome, decision, by, at in items.exclude(outcome="").values_list(*fields).iterator(_FETCH_SIZE):
        was_decided = decision in (Decision.KEEP, Decision.REVOKE)
        yield {
            "at": at.astimezone(UTC).isoformat(timespec="microseconds") if was_decided else None,
            "by": str(by) if was_decided else None,
            "decision": outcome,
            "path": str(pk),
        }
