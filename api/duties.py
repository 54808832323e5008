"""Segregation of duties: the rules of the office, who conflicts with them and since when, and the exceptions."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.http import HttpResponse
from ninja import Query
from typing_extensions import TypedDict

from accounts.models import User
from api import errors
from api.auth import ApiRequest
from api.filters import FieldType, FilterField
from api.listing import ListQuery, render_list, render_whole_list
from api.operations import Operations
from api.schemas import ResourceReference, render_item
from core.keys import compute_name_key
from oauth.scopes import Scope
from permissions.checks import Right
from permissions.duties import ConflictCount, find_conflicts
from permissions.models import DutyExemption, DutyRule, Employer
from reviews.duty_history import find_conflict_starts
from reviews.duty_list import count_by_rule, filter_conflicting_users

operations = Operations("duties", read=Scope.REVIEWS_READ, write=Scope.REVIEWS_READ)
_RULE_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "description": FilterField("name", key=compute_name_key),
    "reason": FilterField("reason"),
    "level": FilterField("level", FieldType.KEY),
    "severity": FilterField("severity", FieldType.KEY),
    "firstAllRequired": FilterField("first_all", FieldType.BOOLEAN),
    "secondAllRequired": FilterField("second_all", FieldType.BOOLEAN),
    "dateTimeCreated": FilterField("created_at", FieldType.DATETIME),
}
_EXEMPTION_FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "ruleId": FilterField("rule_id", FieldType.ID),
    "userId": FilterField("user_id", FieldType.ID),
    "employerId": FilterField("employer_id", FieldType.ID),
    "reason": FilterField("reason"),
    "lastDay": FilterField("until", FieldType.DATE),
    "requestedBy": FilterField("requested_by_id", FieldType.ID),
    "dateTimeRequested": FilterField("requested_at", FieldType.DATETIME),
    "approvedBy": FilterField("approved_by_id", FieldType.ID),
    "dateTimeApproved": FilterField("approved_at", FieldType.DATETIME),
    "dateTimeEnded": FilterField("ended_at", FieldType.DATETIME),
}


class DutyRuleResource(TypedDict):
    """Rights that may not be in one hand: `firstRights` with `secondRights`, each one of them or all together.

    `level` is office or employer (at the same employer), `severity` warn or refuse.
    """

    id: UUID
    description: str
    reason: str
    level: str
    severity: str
    firstRights: list[str]
    firstAllRequired: bool
    secondRights: list[str]
    secondAllRequired: bool
    dateTimeCreated: datetime


class DutyRuleDetails(DutyRuleResource):
    """A rule, with the number of users who conflict with it and have no exception."""

    numberOfUsers: int


class DutyConflictResource(TypedDict):
    """A user who conflicts with a rule, also by rights that are inactive now (`hasEffect` is false then).

    `numberOfEmployers` is 0 with a rule of the whole office; `since` is null if the history no longer says.
    """

    user: ResourceReference
    rule: ResourceReference
    numberOfEmployers: int
    hasEffect: bool
    isExempt: bool
    since: datetime | None


class UserDutyConflictResource(TypedDict):
    """A rule with which a user conflicts, and where; `employer` is null with a rule of the whole office."""

    rule: ResourceReference
    employer: ResourceReference | None
    hasEffect: bool
    isExempt: bool


class DutyExemptionResource(TypedDict):
    """An exception to a rule for one user, at one employer or everywhere. It applies once it is approved."""

    id: UUID
    ruleId: UUID
    userId: UUID
    employerId: UUID | None
    reason: str
    lastDay: date
    requestedBy: UUID | None
    dateTimeRequested: datetime
    approvedBy: UUID | None
    dateTimeApproved: datetime | None
    dateTimeEnded: datetime | None


def _serialize_rule(rule: DutyRule) -> DutyRuleResource:
    first, second = rule.sides
    return DutyRuleResource(
        id=rule.pk,
        description=rule.name,
        reason=rule.reason,
        level=rule.level,
        severity=rule.severity,
        firstRights=sorted(first),
        firstAllRequired=rule.first_all,
        secondRights=sorted(second),
        secondAllRequired=rule.second_all,
        dateTimeCreated=rule.created_at,
    )


@operations.get_list(
    "/providers/{uuid:provider_id}/dutyrules",
    "GetDutyRulesByProviderId",
    DutyRuleResource,
    Right.REVIEW_ACCESS,
    fields=_RULE_FILTER_FIELDS,
)
def list_rules(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the rules about duties of the office, by name."""
    rows = DutyRule.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, _RULE_FILTER_FIELDS, _serialize_rule, order="name_key")


@operations.get_item(
    "/providers/dutyrules/{uuid:duty_rule_id}", "GetDutyRuleByDutyRuleId", DutyRuleDetails, Right.REVIEW_ACCESS
)
def get_rule(request: ApiRequest, duty_rule_id: UUID) -> HttpResponse:
    """Return a rule about duties."""
    user = request.caller.user
    rule = errors.get_or_404(DutyRule.objects.visible_to(user), duty_rule_id)
    _users, found = filter_conflicting_users(user.office, [rule])
    content = DutyRuleDetails(**_serialize_rule(rule), numberOfUsers=count_by_rule(found)[rule.pk])
    return render_item(request, content)


@operations.get_whole_list(
    "/providers/{uuid:provider_id}/dutyconflicts",
    "GetDutyConflictsByProviderId",
    DutyConflictResource,
    Right.REVIEW_ACCESS,
)
def list_conflicts(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """List the users who conflict with rules about duties, by name, and since when."""
    rules = DutyRule.objects.visible_to(request.caller.user).in_bulk()
    users, found = filter_conflicting_users(request.caller.user.office, list(rules.values()))
    names = {user.pk: user.full_name for user in users.only("initials", "prefix", "last_name")}
    positions = {user_id: number for number, user_id in enumerate(names)}
    rows = sorted(found, key=lambda each: (positions[each.user_id], rules[each.rule_id].name_key))

    def serialize_page(page: Sequence[ConflictCount]) -> list[DutyConflictResource]:
        ids = {each.user_id for each in page}
        starts = find_conflict_starts(provider_id, rules.values(), ids) if ids else {}
        return [
            DutyConflictResource(
                user=ResourceReference(id=each.user_id, description=names[each.user_id]),
                rule=ResourceReference(id=each.rule_id, description=rules[each.rule_id].name),
                numberOfEmployers=each.employer_count,
                hasEffect=each.has_effect,
                isExempt=each.is_exempt,
                since=starts.get((each.rule_id, each.user_id)),
            )
            for each in page
        ]

    return render_whole_list(request, rows, serialize_page)


@operations.get_whole_list(
    "/providers/users/{uuid:user_id}/dutyconflicts",
    "GetDutyConflictsByUserId",
    UserDutyConflictResource,
    Right.REVIEW_ACCESS,
)
def list_conflicts_of_user(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """List the rules about duties with which a user conflicts, with the employers."""
    user = errors.get_or_404(User.objects.visible_to(request.caller.user), user_id)
    rules = DutyRule.objects.visible_to(request.caller.user).in_bulk()
    found = find_conflicts(user.provider_id, rules.values(), [user.pk])
    employers = Employer.objects.in_bulk({each.employer_id for each in found if each.employer_id})
    rows = [
        UserDutyConflictResource(
            rule=ResourceReference(id=each.rule_id, description=rules[each.rule_id].name),
            employer=_refer_to(employers[each.employer_id]) if each.employer_id else None,
            hasEffect=each.has_effect,
            isExempt=each.is_exempt,
        )
        for each in found
    ]
    return render_whole_list(request, sorted(rows, key=_get_sort_key))


def _refer_to(employer: Employer) -> ResourceReference:
    return ResourceReference(id=employer.pk, description=employer.name)


def _get_sort_key(row: UserDutyConflictResource) -> tuple[str, str, str]:
    employer = row["employer"]
    return (row["rule"]["description"], employer["description"] if employer else "", str(employer and employer["id"]))


def _serialize_exemption(row: DutyExemption) -> DutyExemptionResource:
    return DutyExemptionResource(
        id=row.pk,
        ruleId=row.rule_id,
        userId=row.user_id,
        employerId=row.employer_id,
        reason=row.reason,
        lastDay=row.until,
        requestedBy=row.requested_by_id,
        dateTimeRequested=row.requested_at,
        approvedBy=row.approved_by_id,
        dateTimeApproved=row.approved_at,
        dateTimeEnded=row.ended_at,
    )


@operations.get_list(
    "/providers/{uuid:provider_id}/dutyexemptions",
    "GetDutyExemptionsByProviderId",
    DutyExemptionResource,
    Right.REVIEW_ACCESS,
    fields=_EXEMPTION_FILTER_FIELDS,
)
def list_exemptions(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the exceptions to the rules about duties, newest first, with those that ended."""
    rows = DutyExemption.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, _EXEMPTION_FILTER_FIELDS, _serialize_exemption, order="-requested_at")
