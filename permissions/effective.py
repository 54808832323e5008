"""Effective rights: who may do what, and where, now. Each function runs one query, however many teams there are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from permissions import grants_sql
from permissions.catalog import (
    EMPLOYER_LEVEL_RIGHTS,
    OFFICE_ADMIN_RIGHTS,
    OFFICE_LEVEL_RIGHTS,
    Right,
    RightLevel,
    rights_from_codes,
)
from permissions.inactive import INACTIVE_CONDITIONS_SQL, INACTIVE_REASON_SQL
from permissions.models import Employer


class InactiveReason(models.TextChoices):
    """Why all rights of a user are inactive (rule 4)."""

    CLOSED = "closed", _("The office has been suspended")
    INVITED = "invited", _("The invitation has not been accepted yet")
    BLOCKED = "blocked", _("Blocked")
    ENDED = "ended", _("The last day of access has passed")
    TWO_FACTOR = "two_factor", _("Two-factor has not been set up yet")


def resolve_office_rights(codes: Iterable[str]) -> frozenset[Right]:
    """Return the office-level rights among `codes`, with the rights that manage_provider includes."""
    held = rights_from_codes(codes) & OFFICE_LEVEL_RIGHTS
    return held | OFFICE_ADMIN_RIGHTS if Right.MANAGE_PROVIDER in held else held


def resolve_employer_rights(codes: Iterable[str], products: Iterable[int]) -> frozenset[Right]:
    """Return the employer-level rights among `codes` that have effect with `products` enabled."""
    return frozenset(right for right in rights_from_codes(codes) & EMPLOYER_LEVEL_RIGHTS if right.works_with(products))


def effective_rights(user: User) -> frozenset[Right]:
    """Return the office-level rights that `user` can use now, by team or individually."""
    inner = grants_sql.build_office_grants_sql(grants_sql.ONE_USER_CONDITION)
    rows = grants_sql.fetch_rows(
        f"SELECT DISTINCT held_grant.code FROM accounts_user JOIN ({inner}) held_grant ON true"  # noqa: S608
        f" WHERE accounts_user.id = %(user)s AND ({INACTIVE_REASON_SQL}) IS NULL",
        user=user.pk,
        provider=user.provider_id,
    )
    return resolve_office_rights(code for (code,) in rows)


def effective_rights_at(user: User, employer: Employer) -> frozenset[Right]:
    """Return the employer-level rights that `user` can use at `employer` now.

    These are the rights of their teams with that employer and, if there is such a team, their individual rights. Rights
    whose product is disabled at the employer are left out.
    """
    inner = grants_sql.build_employer_grants_sql(grants_sql.ONE_USER_CONDITION, employer=True)
    rows = grants_sql.fetch_rows(
        f"SELECT DISTINCT code, permissions_employer.products FROM accounts_user JOIN ({inner}) held_grant ON true"  # noqa: S608
        f" JOIN permissions_employer ON permissions_employer.id = held_grant.employer_id"
        f" WHERE accounts_user.id = %(user)s AND ({INACTIVE_REASON_SQL}) IS NULL",
        user=user.pk,
        provider=user.provider_id,
        employer=employer.pk,
    )
    return resolve_employer_rights((code for code, _products in rows), rows[0][1] if rows else ())


def has_right(user: User, right: Right, employer: Employer | None = None) -> bool:
    """Return whether `user` can use `right` now.

    An employer-level right needs `employer`, an office-level right must have none; otherwise the result is False.
    """
    if (right.level is RightLevel.EMPLOYER) != (employer is not None):
        return False
    at, needs = "", ""
    if employer is None:
        at = grants_sql.build_office_grants_sql(grants_sql.ONE_USER_CONDITION, codes=True)
    else:
        at = grants_sql.build_employer_grants_sql(grants_sql.ONE_USER_CONDITION, codes=True, employer=True)
        if right.products:
            needs = (
                " AND EXISTS (SELECT 1 FROM permissions_employer WHERE id = %(employer)s AND provider_id = %(provider)s"
                " AND products && %(products)s::smallint[])"
            )
    rows = grants_sql.fetch_rows(
        f"SELECT 1 FROM accounts_user WHERE id = %(user)s AND ({INACTIVE_REASON_SQL}) IS NULL{needs} AND EXISTS ({at})",  # noqa: S608
        user=user.pk,
        provider=user.provider_id,
        employer=employer and employer.pk,
        codes=[code.value for code in right.granted_by],
        products=[product.value for product in right.products],
    )
    return bool(rows)


def get_inactive_reason(user: User) -> InactiveReason | None:
    """Return the main reason why the rights of `user` are inactive now, or None if they are active."""
    rows = grants_sql.fetch_rows(f"SELECT {INACTIVE_REASON_SQL} FROM accounts_user WHERE id = %(user)s", user=user.pk)  # noqa: S608
    return InactiveReason(rows[0][0]) if rows and rows[0][0] else None


def list_inactive_reasons(user: User) -> list[InactiveReason]:
    """Return all reasons why the rights of `user` are inactive now."""
    columns = ", ".join(f"COALESCE({condition}, false)" for condition in INACTIVE_CONDITIONS_SQL.values())
    rows = grants_sql.fetch_rows(f"SELECT {columns} FROM accounts_user WHERE id = %(user)s", user=user.pk)  # noqa: S608
    return [
        InactiveReason(reason)
        for row in rows
        for reason, holds in zip(INACTIVE_CONDITIONS_SQL, row, strict=True)
        if holds
    ]


def find_right_holders(
    provider: Provider, right: Right, employer: Employer | None = None
) -> dict[UUID, InactiveReason | None]:
    """Return the users of the office with any grant of `right`, each with the reason why it is inactive.

    Ignores whether the product is enabled. Empty if `right` and `employer` do not match, see `has_right`.
    """
    if (right.level is RightLevel.EMPLOYER) != (employer is not None):
        return {}
    at = (
        grants_sql.build_office_grants_sql(codes=True)
        if employer is None
        else grants_sql.build_employer_grants_sql(codes=True, employer=True)
    )
    rows = grants_sql.fetch_rows(
        f"SELECT id, {INACTIVE_REASON_SQL} FROM accounts_user"  # noqa: S608
        f" WHERE provider_id = %(provider)s AND id IN (SELECT user_id FROM ({at}) held_grant)",
        provider=provider.pk,
        employer=employer and employer.pk,
        codes=[code.value for code in right.granted_by],
    )
    return {user_id: InactiveReason(inactive_reason) if inactive_reason else None for user_id, inactive_reason in rows}


def filter_users_with_right(
    provider: Provider, right: Right, employer: Employer | None = None
) -> "models.QuerySet[User]":
    """Return the users of the office for whom `has_right` is True, sorted by name."""
    if employer is not None and not right.works_with(employer.products):
        return User.objects.none()
    able = [
        user_id
        for user_id, inactive_reason in find_right_holders(provider, right, employer).items()
        if inactive_reason is None
    ]
    return User.objects.filter(provider=provider, pk__in=able).order_by("sort_name", "pk")


@dataclass(frozen=True)
class AuthorizationMatrix:
    """Users x rights of one office, at office level or at one employer; users without rights are left out.

    `held` has the rights, inactive ones included; `individual` those of them that no team gives; `inactive_reasons`
    the reason why the rights of a user are inactive.
    """

    users: list[User]
    held: dict[UUID, frozenset[Right]]
    individual: dict[UUID, frozenset[Right]]
    inactive_reasons: dict[UUID, InactiveReason]


def build_matrix(provider: Provider, employer: Employer | None = None) -> AuthorizationMatrix:
    """Return the matrix of the office, at `employer` or at office level. Two queries."""
    at = (
        grants_sql.build_office_grants_sql()
        if employer is None
        else grants_sql.build_employer_grants_sql(employer=True)
    )
    rows = grants_sql.fetch_rows(
        f"SELECT held.user_id, held.code, held.individual, rest.reason FROM ("  # noqa: S608
        f"SELECT user_id, code, bool_and(individual) AS individual FROM ({at}) held_grant GROUP BY user_id, code) held"
        f" JOIN (SELECT id, {INACTIVE_REASON_SQL} AS reason FROM accounts_user WHERE provider_id = %(provider)s) rest"
        f" ON rest.id = held.user_id",
        provider=provider.pk,
        employer=employer and employer.pk,
    )
    by_any, by_team = defaultdict(set), defaultdict(set)
    inactive_reasons: dict[UUID, InactiveReason] = {}
    for user_id, code, only_individual, reason in rows:
        by_any[user_id].add(code)
        if not only_individual:
            by_team[user_id].add(code)
        if reason:
            inactive_reasons[user_id] = InactiveReason(reason)
    work = (
        (lambda codes: resolve_employer_rights(codes, employer.products))
        if employer is not None
        else resolve_office_rights
    )
    held = {user_id: rights for user_id, codes in by_any.items() if (rights := work(codes))}
    users = list(User.objects.filter(provider=provider, pk__in=held).order_by("sort_name", "pk"))
    individual = {user_id: rights - work(by_team[user_id]) for user_id, rights in held.items()}
    return AuthorizationMatrix(
        users, held, individual, {user_id: why for user_id, why in inactive_reasons.items() if user_id in held}
    )


def held_rights(user: User) -> frozenset[Right]:
    """Return every right granted to `user`, at any employer, inactive ones included.

    manage_provider counts as every right, payroll included (rule 5).
    """
    rows = grants_sql.fetch_grants(
        grants_sql.build_office_grants_sql(grants_sql.ONE_USER_CONDITION), user=user.pk, provider=user.provider_id
    )
    held = rights_from_codes(row.code for row in rows)
    return frozenset(Right) if Right.MANAGE_PROVIDER in held else held


def has_no_rights(user: User) -> bool:
    """Return whether `user` has no grant at all, inactive ones included. Ignores products. One query."""
    office = grants_sql.build_office_grants_sql(grants_sql.ONE_USER_CONDITION)
    employers = grants_sql.build_employer_grants_sql(grants_sql.ONE_USER_CONDITION)
    rows = grants_sql.fetch_rows(
        f"SELECT code, false FROM ({office}) held_grant UNION SELECT code, true FROM ({employers}) held_grant",  # noqa: S608
        user=user.pk,
        provider=user.provider_id,
    )
    return not any(
        rights_from_codes([code]) & (EMPLOYER_LEVEL_RIGHTS if at_employer else OFFICE_LEVEL_RIGHTS)
        for code, at_employer in rows
    )


def list_reachable_employers(user: User) -> "models.QuerySet[Employer]":
    """Return the employers of the teams of `user`, sorted by name."""
    employers = Employer.objects.visible_to(user).filter(teams__team__members__user=user)
    return employers.distinct().order_by("sort_name", "pk")
