"""Effective rights: who may do what, and where, now. Each function runs one query, however many teams there are."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.postgres.aggregates import BoolAnd
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from permissions import inactive
from permissions.catalog import (
    EMPLOYER_LEVEL_RIGHTS,
    OFFICE_ADMIN_RIGHTS,
    OFFICE_LEVEL_RIGHTS,
    Right,
    RightLevel,
    rights_from_codes,
    sort_rights,
)
from permissions.grants_sql import fetch_rows
from permissions.inactive import ACTIVE_USER_SQL, UserWithInactiveReason
from permissions.models import Employer, Grant


class InactiveReason(models.TextChoices):
    """Why all rights of a user are inactive (rule 4)."""

    CLOSED = "closed", _("The office has been suspended")
    INVITED = "invited", _("The invitation has not been accepted yet")
    BLOCKED = "blocked", _("Blocked")
    ENDED = "ended", _("The last day of access has passed")
    TWO_FACTOR = "two_factor", _("Two-factor has not been set up yet")


# Asked by every request: a queryset takes several times as long (docs/adr/0008). Whether the user is active is a column
# and no condition, so that PostgreSQL asks it only after it found a grant.
_OFFICE_GRANTS_SQL = """
FROM permissions_grant WHERE provider_id = %(provider)s AND user_id = %(user)s AND NOT at_employer"""
_EMPLOYER_GRANTS_SQL = """
FROM permissions_grant held
JOIN permissions_employer employer ON employer.provider_id = held.provider_id AND employer.id = held.employer_id
WHERE held.provider_id = %(provider)s AND user_id = %(user)s AND employer_id = %(employer)s"""
_OFFICE_RIGHTS_SQL = f'SELECT "right", {ACTIVE_USER_SQL} {_OFFICE_GRANTS_SQL}'
_EMPLOYER_RIGHTS_SQL = f'SELECT "right", products, {ACTIVE_USER_SQL} {_EMPLOYER_GRANTS_SQL}'
# The right itself or the one that includes it: as a list they take longer to send than to look up. The products that a
# right needs are sent as text, and the answer has no products, for the same reason.
_HAS_RIGHT_SQL = '"right" IN (%(right)s, %(wider)s)'
_HAS_OFFICE_RIGHT_SQL = f"SELECT {ACTIVE_USER_SQL} {_OFFICE_GRANTS_SQL} AND {_HAS_RIGHT_SQL} LIMIT 1"
_HAS_EMPLOYER_RIGHT_SQL = f"""SELECT {ACTIVE_USER_SQL} {_EMPLOYER_GRANTS_SQL} AND {_HAS_RIGHT_SQL}
AND (%(needed)s::smallint[] = '{{}}' OR products && %(needed)s::smallint[]) LIMIT 1"""
_RIGHT_PARAMETERS = {
    right: {
        "right": right.value,
        "wider": right.granted_by[0].value,
        "needed": f"{{{','.join(str(product.value) for product in right.products)}}}",
    }
    for right in Right
}


def resolve_office_rights(codes: Iterable[str]) -> frozenset[Right]:
    """Return the office-level rights among `codes`, with the rights that manage_provider includes."""
    held = rights_from_codes(codes) & OFFICE_LEVEL_RIGHTS
    return held | OFFICE_ADMIN_RIGHTS if Right.MANAGE_PROVIDER in held else held


def resolve_employer_rights(codes: Iterable[str], products: Iterable[int]) -> frozenset[Right]:
    return frozenset(right for right in rights_from_codes(codes) & EMPLOYER_LEVEL_RIGHTS if right.works_with(products))


def effective_rights(user: User) -> frozenset[Right]:
    rows = fetch_rows(_OFFICE_RIGHTS_SQL, user=user.pk, provider=user.provider_id)
    return resolve_office_rights(code for code, is_active in rows if is_active)


def effective_rights_at(user: User, employer: Employer) -> frozenset[Right]:
    """Return the employer-level rights that `user` can use at `employer` now.

    These are the rights of their teams with that employer and, if there is such a team, their individual rights. Rights
    whose product is disabled at the employer are left out.
    """
    rows = fetch_rows(_EMPLOYER_RIGHTS_SQL, user=user.pk, provider=user.provider_id, employer=employer.pk)
    codes = [code for code, _products, is_active in rows if is_active]
    return resolve_employer_rights(codes, rows[0][1] if rows else ())


def has_right(user: User, right: Right, employer: Employer | None = None) -> bool:
    """Return whether `user` can use `right` now; False unless an employer is given for an employer-level right only."""
    if (right.level is RightLevel.EMPLOYER) != (employer is not None):
        return False
    rows = fetch_rows(
        _HAS_EMPLOYER_RIGHT_SQL if employer else _HAS_OFFICE_RIGHT_SQL,
        user=user.pk,
        provider=user.provider_id,
        employer=employer and employer.pk,
        **_RIGHT_PARAMETERS[right],
    )
    return rows == [(True,)]


def get_inactive_reason(user: User) -> InactiveReason | None:
    """Return the main reason why the rights of `user` are inactive now, or None if they are active."""
    found = inactive.annotate_inactive_reason(User.objects.filter(pk=user.pk))
    code = found.values_list("inactive_reason", flat=True).first()
    return InactiveReason(code) if code else None


def list_inactive_reasons(user: User) -> list[InactiveReason]:
    conditions = inactive.INACTIVE_CONDITIONS_SQL
    holds = [
        inactive.build_user_expression(condition, models.BooleanField(null=True)) for condition in conditions.values()
    ]
    row = User.objects.filter(pk=user.pk).values_list(*holds).get()
    return [InactiveReason(reason) for reason, is_so in zip(conditions, row, strict=True) if is_so]


def filter_right_holders(
    provider: Provider, right: Right, employer: Employer | None = None
) -> models.QuerySet[UserWithInactiveReason]:
    """Return users with any grant of `right`, with `inactive_reason`; products are ignored. Empty as `has_right`."""
    users = inactive.annotate_inactive_reason(User.objects.filter(provider=provider))
    if (right.level is RightLevel.EMPLOYER) != (employer is not None):
        return users.none()
    grants = Grant.objects.of_office(provider, employer).filter(right__in=right.granted_by)
    return users.filter(pk__in=grants.values("user_id"))


@dataclass(frozen=True)
class AuthorizationMatrix:
    """Users x rights of one office, at office level or at one employer; users without rights are left out.

    `rights` are the columns: those that any user of the office holds there. `held` has the rights of each of `users`,
    inactive ones included; `individual` those of them that no team gives.
    """

    rights: list[Right]
    users: Sequence[UserWithInactiveReason]
    held: dict[UUID, frozenset[Right]]
    individual: dict[UUID, frozenset[Right]]

    @property
    def inactive_reasons(self) -> dict[UUID, InactiveReason]:
        return {user.pk: InactiveReason(user.inactive_reason) for user in self.users if user.inactive_reason}


def _filter_matrix_grants(provider: Provider, employer: Employer | None) -> models.QuerySet[Grant]:
    rights = OFFICE_LEVEL_RIGHTS if employer is None else resolve_employer_rights(Right, employer.products)
    return Grant.objects.of_office(provider, employer).filter(right__in=rights)


def filter_matrix_users(
    provider: Provider, employer: Employer | None = None
) -> models.QuerySet[UserWithInactiveReason]:
    users = inactive.annotate_inactive_reason(User.objects.filter(provider=provider))
    grants = _filter_matrix_grants(provider, employer)
    return users.filter(pk__in=grants.values("user_id")).order_by("sort_name", "pk")


def build_matrix(
    provider: Provider, employer: Employer | None = None, users: Sequence[UserWithInactiveReason] | None = None
) -> AuthorizationMatrix:
    """Return the matrix of the office, at `employer` or at office level, of all users or of `users`. Three queries."""
    resolve = rights_from_codes if employer is not None else resolve_office_rights
    grants = _filter_matrix_grants(provider, employer)
    columns = sort_rights(resolve(grants.values_list("right", flat=True).distinct()))
    if users is None:
        users = list(filter_matrix_users(provider, employer))
    else:
        grants = grants.filter(user_id__in=[user.pk for user in users])
    codes: dict[UUID, set[str]] = defaultdict(set)
    by_team: dict[UUID, set[str]] = defaultdict(set)
    rows = grants.values_list("user_id", "right").annotate(only_individual=BoolAnd("individual"))
    for user_id, code, only_individual in rows:
        codes[user_id].add(code)
        if not only_individual:
            by_team[user_id].add(code)
    held = {user.pk: resolve(codes[user.pk]) for user in users}
    individual = {user_id: rights - resolve(by_team[user_id]) for user_id, rights in held.items()}
    return AuthorizationMatrix(columns, users, held, individual)


def held_rights(user: User) -> frozenset[Right]:
    """Return every right granted at any employer, inactive ones too; manage_provider counts as all (rule 5)."""
    grants = Grant.objects.of_user(user).filter(at_employer=False)
    held = rights_from_codes(grants.values_list("right", flat=True))
    return frozenset(Right) if Right.MANAGE_PROVIDER in held else held


def has_no_rights(user: User) -> bool:
    """Return whether `user` has no grant at all, inactive ones included. Ignores products. One query."""
    effective = models.Q(at_employer=False, right__in=OFFICE_LEVEL_RIGHTS)
    effective |= models.Q(at_employer=True, right__in=EMPLOYER_LEVEL_RIGHTS)
    return not Grant.objects.of_user(user).filter(effective).exists()


def list_reachable_employers(user: User) -> models.QuerySet[Employer]:
    employers = Employer.objects.visible_to(user).filter(teams__team__members__user=user)
    return employers.distinct().order_by("sort_name", "pk")
