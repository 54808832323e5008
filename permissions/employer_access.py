"""Who works at an employer and may do what there: a mark per user and subject, and how many can do each act now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right, rights_from_codes
from permissions.coverage import PAYROLL_RIGHTS
from permissions.effective import InactiveReason, filter_matrix_users, resolve_employer_rights
from permissions.inactive import UserWithInactiveReason
from permissions.models import Employer, Grant, Team, TeamMember


class ColumnSubject(NamedTuple):
    """A column: `manage` is the right to change it, `view` the right to look at it only."""

    short: Promise
    name: Promise
    view: Right | None
    manage: Right | None


SUBJECTS = (
    ColumnSubject(
        pgettext_lazy("column", "Empl."), _("Employments"), Right.VIEW_EMPLOYMENTS, Right.MANAGE_EMPLOYMENTS
    ),
    ColumnSubject(pgettext_lazy("column", "Wages"), _("Wages"), Right.VIEW_WAGES, Right.MANAGE_WAGES),
    ColumnSubject(
        pgettext_lazy("column", "Fixed"), _("Fixed payroll data"), Right.VIEW_FIXED_DATA, Right.MANAGE_FIXED_DATA
    ),
    ColumnSubject(pgettext_lazy("column", "Var."), _("Variable data"), None, Right.MANAGE_VARIABLE_DATA),
    ColumnSubject(
        pgettext_lazy("column", "Admin."), _("Payroll administration"),
        Right.VIEW_ADMINISTRATION, Right.MANAGE_ADMINISTRATION,
    ),
    ColumnSubject(pgettext_lazy("column", "Tax"), _("Payroll tax returns"), Right.VIEW_TAX_RETURNS, None),
    ColumnSubject(pgettext_lazy("column", "Journal"), _("Journal run"), None, Right.EXPORT_JOURNAL),
    ColumnSubject(
        pgettext_lazy("column", "File"), _("Employee file"), Right.VIEW_EMPLOYEE_FILE, Right.MANAGE_EMPLOYEE_FILE
    ),
)  # fmt: skip


class Act(NamedTuple):
    """Something that must be done at an employer; it takes all of `rights`."""

    name: Promise
    rights: Sequence[Right]


ACTS = (
    Act(_("Run payroll"), PAYROLL_RIGHTS),
    Act(_("View payroll tax returns"), [Right.VIEW_TAX_RETURNS]),
    Act(_("Manage employments"), [Right.MANAGE_EMPLOYMENTS]),
    Act(_("Manage variable data"), [Right.MANAGE_VARIABLE_DATA]),
    Act(_("Manage wages"), [Right.MANAGE_WAGES]),
    Act(_("Export journal run"), [Right.EXPORT_JOURNAL]),
    Act(_("Manage employee file"), [Right.MANAGE_EMPLOYEE_FILE]),
)


class Coverage(NamedTuple):
    """For one act the users who can do it now, and those whose rights for it are inactive."""

    act: Act
    able: list[UUID]
    inactive: list[UUID]


@dataclass(frozen=True)
class EmployerAccess:
    """The rights that each user holds at an employer and that work with its products; inactive ones included."""

    rights: Mapping[UUID, frozenset[Right]]
    inactive_reasons: Mapping[UUID, InactiveReason]

    @property
    def active_count(self) -> int:
        return len(self.rights) - len(self.inactive_reasons)

    def mark(self, user_id: UUID, subject: ColumnSubject) -> str:
        held = self.rights.get(user_id, frozenset())
        return "manage" if subject.manage in held else "view" if subject.view in held else ""

    def list_coverage(self, products: Iterable[int]) -> list[Coverage]:
        """Return the coverage of each act that the products of the employer allow."""
        products = list(products)
        found = []
        for act in ACTS:
            if all(right.works_with(products) for right in act.rights):
                holders = [pk for pk, held in self.rights.items() if held.issuperset(act.rights)]
                inactive = [pk for pk in holders if pk in self.inactive_reasons]
                found.append(Coverage(act, [pk for pk in holders if pk not in self.inactive_reasons], inactive))
        return found


def load_employer_access(employer: Employer) -> EmployerAccess:
    """Two queries."""
    working = resolve_employer_rights(EMPLOYER_LEVEL_RIGHTS, employer.products)
    grants = Grant.objects.of_office(employer.provider, employer).filter(right__in=working)
    codes = grants.values("user_id").annotate(codes=ArrayAgg("right", distinct=True)).values_list("user_id", "codes")
    inactive = filter_matrix_users(employer.provider, employer).exclude(inactive_reason=None).order_by()
    return EmployerAccess(
        {user_id: rights_from_codes(found) for user_id, found in codes},
        {pk: InactiveReason(str(reason)) for pk, reason in inactive.values_list("pk", "inactive_reason")},
    )


def list_access_teams(employer: Employer, users: Iterable[UserWithInactiveReason]) -> dict[UUID, list[Team]]:
    """Return for each user the teams that give access to the employer, by name. One query."""
    members = TeamMember.objects.filter(
        provider=employer.provider_id, user__in=[user.pk for user in users], team__employers__employer=employer
    )
    found: dict[UUID, list[Team]] = {}
    for member in members.select_related("team").order_by("team__sort_name", "team_id"):
        found.setdefault(member.user_id, []).append(member.team)
    return found


def load_names(coverage: Iterable[Coverage]) -> dict[UUID, User]:
    """Return the users on whom one act hangs, and one who could do it as well. One query."""
    single = [each for each in coverage if len(each.able) == 1]
    pks = {pk for each in single for pk in [*each.able, *each.inactive[:1]]}
    return User.objects.in_bulk(pks)
