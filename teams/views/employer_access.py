"""The page of an employer: who works here and may do what."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from accounts.search import filter_by_search, sort_users_by_match
from core.access import SAFE, page
from core.charts import Part
from core.paging import build_pager_context, paginate_queryset
from core.replica import allow_replica
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.effective import InactiveReason
from permissions.employer_access import (
    SUBJECTS,
    Coverage,
    EmployerAccess,
    list_access_teams,
    load_employer_access,
    load_names,
)  # fmt: skip
from permissions.inactive import UserWithInactiveReason, annotate_inactive_reason
from permissions.models import Employer, Team
from permissions.products import Product
from teams.forms.teams import SearchForm

_SHORT_REASONS = {
    InactiveReason.CLOSED: pgettext_lazy("reason", "office suspended"),
    InactiveReason.INVITED: pgettext_lazy("reason", "invited"),
    InactiveReason.BLOCKED: pgettext_lazy("reason", "blocked"),
    InactiveReason.ENDED: pgettext_lazy("reason", "ended"),
    InactiveReason.TWO_FACTOR: pgettext_lazy("reason", "two-factor"),
}


class AccessRow(NamedTuple):
    user: UserWithInactiveReason
    teams: list[Team]
    inactive_reason: InactiveReason | None
    marks: list[str]

    @property
    def short_reason(self) -> Promise | None:
        return _SHORT_REASONS[self.inactive_reason] if self.inactive_reason else None


@page(Right.VIEW_USERS, methods=SAFE)
@allow_replica
def employer_detail(request: OfficeRequest, pk: UUID) -> HttpResponse:
    employer = get_object_or_404(Employer.objects.visible_to(request.user).select_related("provider"), pk=pk)
    form = SearchForm(request.GET, hint=_("Colleague"), only=_("Only who can work now"))
    values = form.values()
    access = load_employer_access(employer)
    found = _filter_users(employer, access, values)
    users = paginate_queryset(found, cursor=request.GET.get("page", ""), sorts=sort_users_by_match(values["q"]))
    coverage = access.list_coverage(employer.products)
    context = {
        "employer": employer,
        "tab": "access",
        "form": form,
        "filtered": any(values.values()),
        "only": values["only"],
        "subjects": SUBJECTS,
        "rows": _build_rows(employer, access, users.rows),
        "access": access,
        "nobody_runs_payroll": not coverage[0].able,
        "coverage": _build_coverage(coverage, access),
        "payroll": _describe_single_payroll(coverage[0], coverage, access),
        "products": [Product(value).label for value in employer.products],
        "may_edit": Right.MANAGE_EMPLOYERS in request.rights,
        "may_link": Right.MANAGE_TEAMS in request.rights,
        "may_view_teams": Right.VIEW_TEAMS in request.rights,
        "may_view_audit": Right.VIEW_AUDIT in request.rights,
    }
    return render(request, "teams/employer_access.html", context | build_pager_context(users, **values))


def _filter_users(
    employer: Employer, access: EmployerAccess, values: dict[str, str]
) -> QuerySet[UserWithInactiveReason]:
    held = User.objects.filter(provider=employer.provider_id, pk__in=list(access.rights))
    users = filter_by_search(annotate_inactive_reason(held), values["q"])
    return users.filter(inactive_reason=None) if values["only"] else users


def _build_rows(employer: Employer, access: EmployerAccess, users: Any) -> list[AccessRow]:
    teams = list_access_teams(employer, users)
    return [
        AccessRow(
            user,
            teams.get(user.pk, []),
            access.inactive_reasons.get(user.pk),
            [access.mark(user.pk, subject) for subject in SUBJECTS],
        )
        for user in users
    ]


def _build_coverage(coverage: list[Coverage], access: EmployerAccess) -> list[tuple[Part, Right]]:
    """Return for each act the share of users who can do it now, and the right that its link asks about."""
    total = len(access.rights)
    return [
        (
            Part(str(each.act.name), len(each.able), total, "attention" if len(each.able) < 2 else "accent"),
            each.act.rights[0],
        )
        for each in coverage
    ]


def _describe_single_payroll(
    payroll: Coverage, coverage: list[Coverage], access: EmployerAccess
) -> dict[str, Any] | None:
    """Return who alone can run the payroll, who else could, and what else hangs on one person. One query."""
    names = load_names(coverage)
    if len(payroll.able) != 1:
        return None
    other = payroll.inactive[0] if payroll.inactive else None
    return {
        "only": names[payroll.able[0]],
        "other": names.get(other) if other else None,
        "other_reason": access.inactive_reasons.get(other) if other else None,
        "also": [each.act.name for each in coverage if each is not payroll and len(each.able) == 1],
    }
