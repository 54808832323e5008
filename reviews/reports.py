"""The report of a campaign: scope, population, decisions by reviewer, what is open, and what was carried out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import LoginMethod, Provider, User
from audit.actions import record
from audit.actors import Actor, action
from audit.models import ChainLink, Checkpoint, Event, Verb
from core import sheets
from core.access import ReauthenticationLevel
from core.zip_stream import ZipEntry
from permissions import checks
from permissions.catalog import Right
from permissions.duties import find_broken_rules
from permissions.models import DutyExemption
from reviews import proof
from reviews.campaign_models import Campaign
from reviews.decision_rows import list_right_names
from reviews.decisions import load_reasons
from reviews.duty_list import filter_open_exemptions
from reviews.item_models import Decision, ReviewItem, ReviewItemQuerySet
from reviews.population import PopulationSize, count_login_methods, count_population
from reviews.progress import (
    Progress,
    ReviewerProgress,
    describe_scope,
    list_reviewer_progress,
    measure_progress,
)

MAX_LISTED = 200  # on the page; the workbook has all


@dataclass(frozen=True)
class Report:
    scope: str
    size: PopulationSize
    login_methods: list[tuple[str, int]]
    progress: Progress
    reviewers: list[ReviewerProgress]
    not_kept: list[tuple[ReviewItem, str]]  # to revoke or undecided, with the reason
    not_kept_count: int
    results: Counter[str]
    conflicts: list[tuple[str, str, str]]  # open now: name of the user, rules, why the access was kept
    conflict_count: int
    exemptions: list[DutyExemption]  # exceptions to rules about duties that apply now
    exemption_count: int
    to_revoke: int
    checkpoint: Checkpoint | None  # the last signature, once it covers all events of the review

    @property
    def more_not_kept(self) -> int:
        return self.not_kept_count - len(self.not_kept)

    @property
    def more_conflicts(self) -> int:
        """How many users with a conflict are not listed."""
        return self.conflict_count - len(self.conflicts)

    @property
    def more_exemptions(self) -> int:
        return self.exemption_count - len(self.exemptions)


def build_report(campaign: Campaign, most: int | None = MAX_LISTED) -> Report:
    """Return the report, with at most so many rows in each list. A fixed number of queries."""
    found, found_progress = find_broken_rules(campaign.provider_id), measure_progress(campaign)
    items = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign, in_scope=True)
    striking = items.exclude(decision__in=[Decision.KEEP] if campaign.is_decided else [Decision.KEEP, ""]).order_by(
        "subject__user__sort_name", "subject__person_id", "pk"
    )
    listed = list(striking.select_related("subject__user")[:most])
    exemptions = filter_open_exemptions(DutyExemption.objects.filter(provider=campaign.provider_id))
    exemptions = exemptions.exclude(approved_at=None)
    allowed = list(exemptions[:most])
    reasons = load_reasons(listed)
    methods = count_login_methods(campaign)
    return Report(
        scope=describe_scope(campaign),
        size=count_population(campaign, methods),
        login_methods=[(str(LoginMethod(method).label), count) for method, count in sorted(methods.items())],
        progress=found_progress,
        to_revoke=found_progress.count_to_revoke(campaign),
        reviewers=list_reviewer_progress(campaign),
        not_kept=[(item, reasons.get(item.pk, "")) for item in listed],
        not_kept_count=_count(striking, listed, most),
        results=Counter(dict(items.exclude(result="").order_by().values_list("result").annotate(count=Count("pk")))),
        conflicts=_list_conflicts(items, found, most),
        conflict_count=len(found),
        exemptions=allowed,
        exemption_count=_count(exemptions, allowed, most),
        checkpoint=_find_checkpoint(campaign),
    )


def _count(rows: QuerySet[Any], listed: Sequence[Any], most: int | None) -> int:
    """Return the number of `rows`, of which at most `most` are listed."""
    return rows.count() if len(listed) == most else len(listed)


def _list_conflicts(
    items: ReviewItemQuerySet, found: Mapping[UUID, Sequence[str]], most: int | None
) -> list[tuple[str, str, str]]:
    """Return users of the review who break a rule now, with the reasons for which their access was kept."""
    users = User.objects.filter(pk__in=found).order_by("sort_name", "pk")[:most]
    kept = items.filter(subject__person_id__in=[user.pk for user in users], decision=Decision.KEEP)
    listed = list(kept.select_related("subject").order_by("decided_at", "pk"))
    known, reasons = load_reasons(listed), defaultdict[UUID, dict[str, None]](dict)
    for item in listed:
        if item.pk in known:
            reasons[item.subject.person_id][known[item.pk]] = None
    return [(user.list_name, ", ".join(found[user.pk]), " ".join(reasons.get(user.pk, ()))) for user in users]


def _find_checkpoint(campaign: Campaign) -> Checkpoint | None:
    """Return the last signature if it covers all that the history says about the review so far."""
    verbs = [Verb.REVIEW_STARTED, Verb.REVIEW_CLOSED, Verb.REVIEW_EXECUTED, Verb.REVIEW_UNDONE]
    published = Event.objects.filter(provider_id=campaign.provider_id, target_id=campaign.pk, verb__in=verbs)
    last = ChainLink.objects.filter(event_id__in=published.order_by("-at", "-id").values("pk")[:1])
    signed = Checkpoint.objects.filter(provider_id=campaign.provider_id, kind=Checkpoint.CheckpointType.HEAD)
    return signed.filter(sequence__gte=Subquery(last.values("sequence"))).order_by("-sequence").first()


@action(ReauthenticationLevel.HALF_HOUR)
def export_sheets(campaign: Campaign, *, by: Actor) -> dict[str, Sequence[Sequence[str]]]:
    """Record the export and return the sheets: the summary, every path with its decision, conflicts and exceptions."""
    _record_export(campaign, "xlsx", by)
    return _build_sheets(campaign)


def _build_sheets(campaign: Campaign) -> dict[str, Sequence[Sequence[str]]]:
    report = build_report(campaign, most=None)
    conflicts = [[_("User"), _("Rules"), _("Kept because")], *map(list, report.conflicts)]
    return {
        _("Review"): _build_summary(campaign, report),
        _("Decisions"): _build_decision_rows(campaign),
        _("Conflicts"): conflicts,
        _("Exceptions"): _build_exemption_rows(report.exemptions),
    }


def _build_exemption_rows(exemptions: Iterable[DutyExemption]) -> list[list[str]]:
    heading = [_("User"), _("Rule"), _("Employer"), _("Reason"), _("Requested by"), _("Approved by"), _("Last day")]
    rows = [
        [
            row.user.list_name,
            row.rule.name,
            str(row.employer or ""),
            row.reason,
            row.requested_by.full_name if row.requested_by else "",
            row.approved_by.full_name if row.approved_by else "",
            date_format(row.until, "Y-m-d"),
        ]
        for row in exemptions
    ]
    return [heading, *rows]


def iter_package_entries(office: Provider, begin: datetime, end: datetime) -> Iterator[ZipEntry]:
    """Yield the workbook and the proof of each campaign that started in the period, for the audit package.

    The proof is that of now, the workbook that of when it is read.
    """
    started = Campaign.objects.filter(provider=office, started_at__gte=begin, started_at__lt=end)
    for campaign in started.select_related("provider").order_by("started_at"):
        yield f"beoordelingen/{campaign.pk}.xlsx", _iter_workbook(campaign)
        yield f"controle/review-{campaign.pk}.json", [proof.build_review_file(campaign)]


def _iter_workbook(campaign: Campaign) -> Iterator[bytes]:
    file = BytesIO()
    sheets.write_sheets(file, _build_sheets(campaign))
    yield file.getvalue()


@action(ReauthenticationLevel.HALF_HOUR)
def export_review_file(campaign: Campaign, *, by: Actor) -> bytes:
    """Record the export and return the file that `verify.py --review` verifies."""
    _record_export(campaign, "json", by)
    return proof.build_review_file(campaign)


def _record_export(campaign: Campaign, form: str, by: Actor) -> None:
    checks.require_office(by, campaign.provider_id)
    checks.require_right(by, Right.REVIEW_ACCESS)
    record(Verb.EXPORTED, campaign, by=by, provider_id=campaign.provider_id, changes={"form": [None, form]})


def _build_summary(campaign: Campaign, report: Report) -> list[list[str]]:
    rows: list[tuple[str, Any]] = [
        (_("Name"), campaign.name),
        (_("What is reviewed"), report.scope),
        (_("Status"), campaign.get_state_display()),
        (_("Started"), _format_moment(campaign.started_at)),
        (_("Last day"), date_format(campaign.deadline, "Y-m-d")),
        (_("Ended"), _format_moment(campaign.closed_at)),
        (_("Carried out"), _format_moment(campaign.done_at)),
        (_("Undone"), _format_moment(campaign.undone_at)),
        (_("Users"), report.size.users),
        (_("Paths to decide about"), report.size.in_scope),
        (_("All paths"), report.size.paths),
        (_("Rights along all paths"), report.size.grants),
        (pgettext("review", "Kept"), report.progress.kept),
        (pgettext("review", "To be revoked"), report.to_revoke),
        (_("Undecided"), report.progress.open),
        (_("Users with a conflict of duties"), report.conflict_count),
        (_("Frozen at event"), campaign.sequence),
        (_("Fingerprint of the population"), campaign.population_root),
        (_("Fingerprint of the decisions"), campaign.decisions_root),
        (_("Signed up to event"), report.checkpoint.sequence if report.checkpoint else ""),
    ]
    pace = _("%(count)s decided, at most %(pace)s in 2 minutes")
    reviewers = [(row.name, {"count": row.decided, "pace": row.pace}) for row in report.reviewers]
    rows += [(name, pace % values) for name, values in reviewers]
    return [[_("Subject"), _("Value")], *([label, str(value if value is not None else "")] for label, value in rows)]


def _format_moment(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d H:i") if moment else ""


def _build_decision_rows(campaign: Campaign) -> list[list[str]]:
    items = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign).select_related("subject__user")
    ordered = list(items.order_by("subject__user__sort_name", "subject__person_id", "kind", "name", "code"))
    reasons = load_reasons(ordered)
    names: dict[UUID | None, str] = {}
    deciders = {item.decided_by for item in ordered if item.decided_by}
    names.update((user.pk, user.full_name) for user in User.objects.filter(pk__in=deciders))
    heading = [
        _("User"), _("Type"), _("Path"), _("Rights"), _("Employers"), _("In scope"), _("Remarks"), _("Decision"),
        _("By"), _("At"), _("Reason"), _("Result"),
    ]  # fmt: skip
    rows = [
        [
            item.subject.list_name,
            str(item.get_kind_display()),
            item.title,
            ", ".join(list_right_names(item)),
            str(item.employer_count or ""),
            _("yes") if item.in_scope else _("no"),
            ", ".join(str(ReviewItem.Note(note).label) for note in item.notes),
            str(item.get_outcome_display() or item.get_decision_display()),
            names.get(item.decided_by, "") if item.decided_by else "",
            _format_moment(item.decided_at),
            reasons.get(item.pk, ""),
            str(item.get_result_display()),
        ]
        for item in ordered
    ]
    return [heading, *rows]
