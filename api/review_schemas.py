"""Access reviews as the web service shows them, and the fields to filter and sort on."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from api.filters import FieldType, FilterField
from api.schemas import ResourceReference
from reviews.campaign_models import Campaign
from reviews.item_models import ReviewItem
from reviews.progress import ReviewerProgress

REVIEW_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "description": FilterField("name"),
    "status": FilterField("state", FieldType.KEY),
    "scope": FilterField("scope", FieldType.KEY),
    "lastDay": FilterField("deadline", FieldType.DATE),
    "dateTimeStarted": FilterField("started_at", FieldType.DATETIME),
    "dateTimeEnded": FilterField("closed_at", FieldType.DATETIME),
    "dateTimeCarriedOut": FilterField("done_at", FieldType.DATETIME),
}
PATH_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "userId": FilterField("subject__person_id", FieldType.ID),
    "type": FilterField("kind", FieldType.KEY),
    "objectId": FilterField("object_id", FieldType.ID),
    "code": FilterField("code", FieldType.KEY),
    "description": FilterField("name"),
    "dateTimeGranted": FilterField("granted_at", FieldType.DATETIME),
    "decision": FilterField("decision", FieldType.KEY),
    "outcome": FilterField("outcome", FieldType.KEY),
    "result": FilterField("result", FieldType.KEY),
    "decidedBy": FilterField("decided_by", FieldType.ID),
    "dateTimeDecided": FilterField("decided_at", FieldType.DATETIME),
    "version": FilterField("version", FieldType.NUMBER),
}


class AccessReviewResource(TypedDict):
    """An access review. `status` is draft, running, closed (decided) or done (carried out)."""

    id: UUID
    description: str
    status: str
    scope: str
    lastDay: date
    dateTimeStarted: datetime | None
    dateTimeEnded: datetime | None
    dateTimeCarriedOut: datetime | None


class DecisionCounts(TypedDict):
    """Numbers of paths by decision; those of users who were erased need none."""

    keep: int
    revoke: int
    later: int
    undecided: int
    erased: int


class ReviewerResource(TypedDict):
    """A reviewer; `pace` is the most decisions within two minutes."""

    user: ResourceReference
    isReviewerOfEverything: bool
    teams: list[str]
    open: int
    decided: int
    pace: int


class AccessReviewDetails(AccessReviewResource):
    """An access review with its progress, and what the signed history published about it."""

    decisions: DecisionCounts
    openForUser: int
    reviewers: list[ReviewerResource]
    frozenAtEvent: int | None
    populationRoot: str
    decisionsRoot: str


class ReviewedPathResource(TypedDict):
    """One path by which a user had access when the review started, with the rights along it.

    `decision` is empty, keep, revoke or later; `outcome` is there when the review has ended, `result` when its
    revocations were carried out. Send `version` as ETag to decide.
    """

    id: UUID
    userId: UUID
    type: str
    objectId: UUID | None
    code: str
    description: str
    rights: list[str]
    remarks: list[str]
    dateTimeGranted: datetime | None
    decision: str
    outcome: str
    result: str
    decidedBy: UUID | None
    dateTimeDecided: datetime | None
    version: int


class ReviewedPathDetails(ReviewedPathResource):
    """A path with the name of its user, the rules of segregation of duties that the user breaks, and the reason."""

    user: ResourceReference
    conflicts: list[str]
    reason: str
    mayDecide: bool


class AccessReviewExport(TypedDict):
    """The file that `verify.py --review` checks against the history."""

    review: dict[str, Any]


def serialize_review(campaign: Campaign) -> AccessReviewResource:
    return AccessReviewResource(
        id=campaign.pk,
        description=campaign.name,
        status=campaign.state,
        scope=campaign.scope,
        lastDay=campaign.deadline,
        dateTimeStarted=campaign.started_at,
        dateTimeEnded=campaign.closed_at,
        dateTimeCarriedOut=campaign.done_at,
    )


def serialize_reviewer(row: ReviewerProgress) -> ReviewerResource:
    return ReviewerResource(
        user=ResourceReference(id=row.person_id, description=row.user.full_name if row.user else row.name),
        isReviewerOfEverything=row.is_general,
        teams=row.teams,
        open=row.open,
        decided=row.decided,
        pace=row.pace,
    )


def serialize_path(item: ReviewItem) -> ReviewedPathResource:
    return ReviewedPathResource(
        id=item.pk,
        userId=item.subject.person_id,
        type=item.kind,
        objectId=item.object_id,
        code=item.code,
        description=item.name,
        rights=item.rights,
        remarks=item.notes,
        dateTimeGranted=item.granted_at,
        decision=item.decision,
        outcome=item.outcome,
        result=item.result,
        decidedBy=item.decided_by,
        dateTimeDecided=item.decided_at,
        version=item.version,
    )
