"""Access reviews: list, read and export them, and decide about paths of access. A program alone cannot decide."""

import json
from uuid import UUID

from django.http import HttpResponse
from ninja import Query

from api import errors, etags
from api.auth import ApiRequest
from api.errors import ApiError
from api.inputs import DecisionUpdate
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.review_schemas import (
    PATH_FILTER_FIELDS,
    REVIEW_FILTER_FIELDS,
    AccessReviewDetails,
    AccessReviewExport,
    AccessReviewResource,
    DecisionCounts,
    ReviewedPathDetails,
    ReviewedPathResource,
    serialize_path,
    serialize_review,
    serialize_reviewer,
)
from api.schemas import ResourceReference, render_item
from core.access import ReauthenticationLevel
from oauth.scopes import Scope
from permissions.checks import Right
from permissions.duties import find_broken_rules
from reviews import decisions, progress, reports
from reviews.campaign_models import Campaign
from reviews.decisions import AlreadyDecided
from reviews.item_models import Decision, ReviewItem, ReviewItemQuerySet

operations = Operations("reviews", read=Scope.REVIEWS_READ, write=Scope.REVIEWS_WRITE)


def _get_review_or_404(request: ApiRequest, review_id: UUID) -> Campaign:
    rows = Campaign.objects.visible_to(request.caller.user).select_related("provider")
    return errors.get_or_404(rows, review_id)


@operations.get_list(
    "/providers/{uuid:provider_id}/accessreviews",
    "GetAccessReviewsByProviderId",
    AccessReviewResource,
    Right.REVIEW_ACCESS,
    fields=REVIEW_FILTER_FIELDS,
)
def list_reviews(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the access reviews of the office, newest first."""
    rows = Campaign.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, REVIEW_FILTER_FIELDS, serialize_review, order="-id")


@operations.get_item(
    "/providers/accessreviews/{uuid:access_review_id}",
    "GetAccessReviewByAccessReviewId",
    AccessReviewDetails,
    Right.REVIEW_ACCESS,
)
def get_review(request: ApiRequest, access_review_id: UUID) -> HttpResponse:
    """Return an access review with its progress and its reviewers."""
    campaign = _get_review_or_404(request, access_review_id)
    found = progress.measure_progress(campaign)
    content = AccessReviewDetails(
        **serialize_review(campaign),
        decisions=DecisionCounts(
            keep=found.kept, revoke=found.revoked, later=found.later, undecided=found.undecided, erased=found.erased
        ),
        openForUser=progress.count_open_for(campaign, request.caller.user) if campaign.is_running else 0,
        reviewers=[serialize_reviewer(row) for row in progress.list_reviewer_progress(campaign)],
        frozenAtEvent=campaign.sequence,
        populationRoot=campaign.population_root,
        decisionsRoot=campaign.decisions_root,
    )
    return render_item(request, content)


def _get_visible_paths(request: ApiRequest) -> ReviewItemQuerySet:
    rows = ReviewItem.objects.visible_to(request.caller.user).filter(in_scope=True)
    return rows.select_related("subject__user", "campaign__provider")


@operations.get_list(
    "/providers/accessreviews/{uuid:access_review_id}/paths",
    "GetReviewedPathsByAccessReviewId",
    ReviewedPathResource,
    Right.REVIEW_ACCESS,
    fields=PATH_FILTER_FIELDS,
)
def list_paths(request: ApiRequest, access_review_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the paths that an access review asks about, with the decision about each."""
    rows = _get_visible_paths(request).filter(campaign=_get_review_or_404(request, access_review_id))
    return render_list(request, rows, query, PATH_FILTER_FIELDS, serialize_path, order="subject__person_id")


@operations.get_list(
    "/providers/accessreviews/{uuid:access_review_id}/paths/decidable",
    "GetDecidablePathsByAccessReviewId",
    ReviewedPathResource,
    Right.REVIEW_ACCESS,
    fields=PATH_FILTER_FIELDS,
)
def list_decidable_paths(request: ApiRequest, access_review_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the paths that the user of the token may decide about, decided or not."""
    campaign = _get_review_or_404(request, access_review_id)
    rows = _get_visible_paths(request).decidable_by(request.caller.user, campaign)
    return render_list(request, rows, query, PATH_FILTER_FIELDS, serialize_path, order="subject__person_id")


@operations.get_item(
    "/providers/accessreviews/paths/{uuid:path_id}",
    "GetReviewedPathByPathId",
    ReviewedPathDetails,
    Right.REVIEW_ACCESS,
)
def get_path(request: ApiRequest, path_id: UUID) -> HttpResponse:
    """Return a path with what helps to decide about it."""
    return _respond(request, errors.get_or_404(_get_visible_paths(request), path_id))


def _respond(request: ApiRequest, item: ReviewItem) -> HttpResponse:
    user, campaign, person_id = item.subject.user, item.campaign, item.subject.person_id
    may_decide = campaign.is_running and user is not None
    mine = ReviewItem.objects.decidable_by(request.caller.user, campaign).filter(pk=item.pk)
    content = ReviewedPathDetails(
        **serialize_path(item),
        user=ResourceReference(id=person_id, description=item.subject.list_name),
        conflicts=find_broken_rules(campaign.provider_id, [person_id]).get(person_id, []),
        reason=decisions.load_reasons([item]).get(item.pk, ""),
        mayDecide=may_decide and mine.exists(),
    )
    return render_item(request, content, etag=str(item.version))


@operations.put(
    "/providers/accessreviews/paths/{uuid:path_id}/decision",
    "PutDecisionByPathId",
    ReviewedPathDetails,
    Right.REVIEW_ACCESS,
)
def put_decision(request: ApiRequest, path_id: UUID, body: DecisionUpdate) -> HttpResponse:
    """Decide about a path, on behalf of a reviewer who logged in within half an hour.

    Nothing is revoked before the plan is confirmed. Without `If-Match` a decision of another reviewer is not replaced.
    """
    if request.caller.authenticated_at is None:
        raise errors.build_step_up_error(request.caller)
    if not request.caller.has_authenticated_within(ReauthenticationLevel.HALF_HOUR):
        raise errors.build_login_again_error()
    item = errors.get_or_404(_get_visible_paths(request), path_id)
    is_conditional = request.headers.get("If-Match", "*").strip() != "*"
    etags.require_etag_match(request, str(item.version))
    seen = item.version if is_conditional else 0
    try:
        decided = decisions.decide(item, Decision(body.decision), reason=body.reason, seen=seen, by=request.by)
    except AlreadyDecided as refusal:
        field = "If-Match" if is_conditional else None
        raise ApiError(412 if is_conditional else 409, "stale", str(refusal), field=field) from None
    decided.campaign = item.campaign
    return _respond(request, decided)


@operations.get_item(
    "/providers/accessreviews/{uuid:access_review_id}/export",
    "GetExportByAccessReviewId",
    AccessReviewExport,
    Right.REVIEW_ACCESS,
)
def export_review(request: ApiRequest, access_review_id: UUID) -> HttpResponse:
    """Return the population, the decisions and the results of a review that has started. The export is recorded."""
    campaign = _get_review_or_404(request, access_review_id)
    if campaign.is_draft:
        raise errors.build_not_found_error()
    file = reports.export_review_file(campaign, by=request.by)
    return render_item(request, AccessReviewExport(review=json.loads(file)))
