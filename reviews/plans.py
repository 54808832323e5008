"""Execution of a campaign: its decisions to revoke become one plan of imports, which an administrator confirms."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

import imports.actions
from accounts.locks import lock_provider
from audit import verify_review
from audit.actions import record
from audit.actors import Actor, action, build_job_actor
from audit.models import Event, UserEncryptionKey, Verb
from core import periodic_jobs
from core.ids import build_min_uuid7
from imports.bulk_actions import BulkAction, BulkActionRequest, RevokedPaths
from imports.models import RESULT_RETENTION, ImportJob
from oauth.models import OfficeAccess
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from permissions.models import IndividualRight, TeamEmployer, TeamMember, TeamRight
from reviews.campaign_models import Campaign, ReviewedTeam
from reviews.decisions import lock_campaign
from reviews.item_models import Decision, ReviewItem, ReviewItemQuerySet
from reviews.population import list_current_paths

_PATH_NAMES: dict[str, Literal["teams", "rights", "integrations"]] = {
    ReviewItem.Kind.TEAM: "teams",
    ReviewItem.Kind.RIGHT: "rights",
    ReviewItem.Kind.INTEGRATION: "integrations",
}


def filter_to_revoke(campaign: Campaign) -> ReviewItemQuerySet:
    """Return the paths whose revocation was decided and not done yet or undone, of users who exist."""
    mine = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign, outcome=Decision.REVOKE)
    open_results = "", ReviewItem.Result.SKIPPED, ReviewItem.Result.UNDONE
    return mine.filter(result__in=open_results, subject__user__isnull=False)


def find_given_again(campaign: Campaign) -> set[UUID]:
    """Return the ids of paths to revoke that an administrator gave again after that decision: these stay.

    What undoing a plan gave back is not among them, nor are consents, which users give themselves. Three queries.
    """
    rows = filter_to_revoke(campaign).exclude(kind=ReviewItem.Kind.INTEGRATION)
    items = list(rows.select_related("subject"))
    users = {item.subject.user_id for item in items}
    given: dict[tuple[UUID, object], UUID] = {
        (user, team): pk
        for pk, user, team in TeamMember.objects.filter(user__in=users).values_list("pk", "user_id", "team_id")
    }
    rights = IndividualRight.objects.filter(user__in=users).values_list("pk", "user_id", "right")
    given |= {(user, code): pk for pk, user, code in rights}
    found = set()
    for item in items:
        since = _get_decision_moment(campaign, item)
        row_id = given.get((item.subject.person_id, item.object_id or item.code))
        if row_id is not None and since is not None and row_id >= build_min_uuid7(since):
            found.add(item.pk)
    return found


def count_to_revoke(campaign: Campaign) -> int:
    """Return how many paths a plan would revoke, or find gone. Five queries."""
    kept = find_given_again(campaign) | find_office_paths(campaign)
    return filter_to_revoke(campaign).exclude(pk__in=kept).count()


def find_office_paths(campaign: Campaign) -> set[UUID]:
    """Return the ids of integrations to revoke that the office allows for all users now: these stay until it does not.

    Ending the consent of one user would not last: their next use of the integration is covered again. One query.
    """
    office = OfficeAccess.objects.filter(provider=campaign.provider_id).exclude(scopes=[])
    mine = filter_to_revoke(campaign).filter(kind=ReviewItem.Kind.INTEGRATION)
    mine = mine.filter(notes__contains=[ReviewItem.Note.OFFICE], object_id__in=office.values("application"))
    return set(mine.values_list("pk", flat=True))


def find_job(campaign: Campaign) -> ImportJob | None:
    """Return the import job of the last plan, None once it expired or was discarded."""
    if campaign.job_id is None:
        return None
    return ImportJob.objects.filter(provider=campaign.provider_id, pk=campaign.job_id).select_related("user").first()


def _collect_paths(campaign: Campaign) -> dict[str, RevokedPaths]:
    """Return what each user loses, each path with the moment since which giving it again keeps it."""
    paths: dict[str, RevokedPaths] = {}
    items = filter_to_revoke(campaign).exclude(pk__in=find_given_again(campaign) | find_office_paths(campaign))
    items = items.order_by("subject__user__sort_name", "subject__person_id", "pk")
    for item in items.select_related("subject"):
        empty = RevokedPaths(teams=[], rights=[], integrations=[], since={})
        found, key = paths.setdefault(str(item.subject.person_id), empty), str(item.object_id or item.code)
        found[_PATH_NAMES[item.kind]].append(key)
        if since := _get_decision_moment(campaign, item):
            found["since"][key] = since.isoformat()
    return paths


def _get_decision_moment(campaign: Campaign, item: ReviewItem) -> datetime | None:
    """Return the moment since which giving a path again counts: undoing the plan gave it again itself."""
    if item.result == ReviewItem.Result.UNDONE:
        return campaign.undone_at
    return item.decided_at if item.decision == Decision.REVOKE else campaign.closed_at


@action()
def create_plan(campaign: Campaign, *, by: Actor) -> ImportJob:
    """Plan all revocations for the state of the office now; nothing is revoked before the plan is confirmed.

    The plan refuses what this administrator may not revoke. Raises ValidationError ("open", "nothing", "busy"),
    Throttled.
    """
    lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign = lock_campaign(campaign.pk, campaign.provider_id)
    if not campaign.is_decided or by.user is None:
        raise ValidationError(_("Decisions are still being taken. End the review first."), code="open")
    if (job := find_job(campaign)) is not None:
        is_recorded = not job.is_done or job.correlation_id in campaign.acts
        # Of two plans only the last can be confirmed.
        if job.is_queued or not is_recorded or (job.is_planned and not imports.actions.discard_job(job)):
            raise ValidationError(_("The plan is being carried out now."), code="busy")
    paths = _collect_paths(campaign)
    if not paths:
        raise ValidationError(_("There is nothing to revoke."), code="nothing")
    request = BulkActionRequest(BulkAction.REVOKE, list(paths), paths=paths)
    job = imports.actions.create_bulk_action(by.user, request, name=str(campaign), by=by)
    campaign.job_id = job.pk
    campaign.save(update_fields=["job_id"])
    return job


def record_executions() -> int:
    """Record what executed plans did, and which were undone. A periodic job of the worker."""
    waiting = Campaign.objects.filter(job_id__isnull=False, state__in=[Campaign.State.CLOSED, Campaign.State.DONE])
    done = ImportJob.objects.filter(state=ImportJob.State.DONE)
    waiting = waiting.filter(Q(job_id__in=done.values("pk")) | Q(done_at__gt=_get_last_undoable()))
    return periodic_jobs.process_items(_record_execution, waiting.values_list("pk", flat=True)).count(True)


def _get_last_undoable() -> datetime:
    """Return the moment before which no plan was carried out that can be undone still."""
    return timezone.now() - RESULT_RETENTION - timedelta(days=1)


@transaction.atomic
def _record_execution(campaign_id: UUID) -> bool:
    provider_id = Campaign.objects.values_list("provider_id", flat=True).get(pk=campaign_id)
    lock_provider(provider_id)  # so that no path comes or goes while the results are read
    campaign = lock_campaign(campaign_id, provider_id)
    is_changed = _record_reverts(campaign)
    if (job := find_job(campaign)) is not None and job.is_done and job.correlation_id not in campaign.acts:
        campaign.jobs, campaign.acts = [*campaign.jobs, job.pk], [*campaign.acts, job.correlation_id]
        campaign.state, campaign.done_at = Campaign.State.DONE, job.done_at or timezone.now()
        campaign.save(update_fields=["jobs", "acts", "state", "done_at"])
        _publish_results(Verb.REVIEW_EXECUTED, campaign, {"acts": campaign.acts})
        _record_reverts(campaign)
        is_changed = True
    return is_changed


def _record_reverts(campaign: Campaign) -> bool:
    """Record which of the recorded plans were undone since; return whether any was."""
    done = ImportJob.objects.filter(provider=campaign.provider_id, state=ImportJob.State.DONE)
    reverts = done.filter(undoes__in=campaign.jobs).exclude(undoes__correlation_id__in=campaign.undone_acts)
    rows = list(reverts.order_by("done_at").values_list("correlation_id", "undoes__correlation_id", "done_at"))
    for act, undone, done_at in rows:
        campaign.undone_at, campaign.undone_acts = done_at, [*campaign.undone_acts, undone]
        campaign.save(update_fields=["undone_at", "undone_acts"])
        _publish_results(Verb.REVIEW_UNDONE, campaign, {"acts": [act], "undoes": undone})
    return bool(rows)


def _publish_results(verb: Verb, campaign: Campaign, published: dict[str, Any]) -> None:
    _store_results(campaign)
    published = published | {"root": verify_review.compute_merkle_root(iter_results(campaign))}
    by = build_job_actor("reviews")
    record(verb, campaign, by=by, provider_id=campaign.provider_id, changes={"review": [None, published]})


def _store_results(campaign: Campaign) -> None:
    """Set the result of each path to revoke by what the events of all plans took away, and what exists now.

    Undoing a plan does not give everything back: consents for example are for the user to give.
    """
    undone = set(_iter_removed(campaign.provider_id, campaign.undone_acts))
    removed = set(_iter_removed(campaign.provider_id, set(campaign.acts) - set(campaign.undone_acts)))
    kept = find_existing(campaign, list_current_paths(campaign.provider_id))
    allowed = find_office_paths(campaign)
    items = list(filter_results(campaign).select_related("subject"))
    for item in items:
        path = (item.subject.person_id, item.kind, str(item.object_id or item.code))
        is_unreadable = item.subject.user_id is None and item.result == ReviewItem.Result.REVOKED
        if is_unreadable or (path in removed and item.pk not in allowed):
            item.result = ReviewItem.Result.REVOKED
        elif path in undone:
            item.result = ReviewItem.Result.UNDONE if item.pk in kept else ReviewItem.Result.REVOKED
        else:
            item.result = ReviewItem.Result.SKIPPED if item.pk in kept else ReviewItem.Result.GONE
    ReviewItem.objects.bulk_update(items, ["result"], batch_size=1000)


def _iter_removed(provider_id: UUID, acts: Iterable[str]) -> Iterator[tuple[UUID, str, str]]:
    """Yield user, kind and key of each path that the events of `acts` took away."""
    verbs = [Verb.TEAM_CHANGED, Verb.RIGHTS_CHANGED, Verb.CONSENT_ENDED]
    events = list(Event.objects.filter(provider_id=provider_id, correlation_id__in=acts, verb__in=verbs))
    ciphers = UserEncryptionKey.objects.load_ciphers(key for event in events for key in event.key_ids())
    for event in events:
        event.keys = ciphers
        target, changes = event.target_id, event.changes
        if event.verb == Verb.TEAM_CHANGED:
            yield from ((UUID(user), "team", str(target)) for user in changes.get("members", [()])[0] or ())
        elif target is not None and event.verb == Verb.RIGHTS_CHANGED:
            yield from ((target, "right", code) for code, (old, _new) in changes.items() if old == "given")
        elif target is not None and "integration_id" in changes:
            yield target, "integration", changes["integration_id"][0]


def filter_results(campaign: Campaign) -> ReviewItemQuerySet:
    return ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign, outcome=Decision.REVOKE)


def iter_results(campaign: Campaign) -> Iterator[dict[str, Any]]:
    """Yield what became of each decision to revoke, as leaves of their Merkle tree; nothing before the execution."""
    if campaign.acts:
        for pk, result in filter_results(campaign).values_list("pk", "result"):
            yield {"path": str(pk), "result": str(result)}


def find_existing(campaign: Campaign, now: Container[tuple[str, UUID, object]]) -> set[UUID]:
    """Return the ids of the paths of the campaign that are among those of `now`. One query."""
    paths = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign)
    rows = paths.values_list("pk", "kind", "subject__user", "object_id", "code")
    return {pk for pk, kind, user, key, code in rows if (kind, user, key or code) in now}


class TeamDrift(NamedTuple):
    """A team that gives other rights, or at other employers, than at the freeze."""

    name: str
    added: int
    removed: int


@dataclass(frozen=True)
class Drift:
    """What changed since the freeze outside the review."""

    gone: int  # paths that no longer exist
    again: int  # paths to revoke that were given again after the decision
    added: int  # paths that came since
    teams: list[TeamDrift]

    def __bool__(self) -> bool:
        return bool(self.gone or self.again or self.added or self.teams)


def find_drift(campaign: Campaign) -> Drift:
    """Compare the population with the office now, until nothing can be revoked or undone. A fixed number of queries."""
    ended_at = campaign.done_at or campaign.closed_at
    if ended_at and ended_at < _get_last_undoable() and not filter_to_revoke(campaign).exists():
        return Drift(0, 0, 0, [])
    paths = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign)
    now = list_current_paths(campaign.provider_id)
    existing = find_existing(campaign, now)
    revoked = set(paths.filter(result=ReviewItem.Result.REVOKED).values_list("pk", flat=True))
    gone = paths.count() - len(existing | revoked)
    again = len(find_given_again(campaign))
    return Drift(gone, again, len(now) - len(existing), list(_iter_team_drift(campaign)))


def _iter_team_drift(campaign: Campaign) -> Iterator[TeamDrift]:
    office = {"provider": campaign.provider_id}
    rights = _collect(TeamRight.objects.filter(**office).values_list("team_id").annotate(found=ArrayAgg("right")))
    places = _collect(
        TeamEmployer.objects.filter(**office).values_list("team_id").annotate(found=ArrayAgg("employer_id"))
    )
    for team in ReviewedTeam.objects.filter(**office, campaign=campaign).order_by("name"):
        old = {*team.rights, *team.employers}
        new = rights[team.team_id] | places[team.team_id]
        if old != new:
            yield TeamDrift(team.name, len(new - old), len(old - new))


def _collect(rows: Iterable[tuple[UUID, list[Any]]]) -> defaultdict[UUID, set[Any]]:
    found: defaultdict[UUID, set[Any]] = defaultdict(set)
    for team_id, values in rows:
        found[team_id] = set(values)
    return found
