"""Compute what users could do with other teams and rights: the SQL of effective rights over hypothetical rows."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from accounts.models import Provider
from permissions.catalog import Right
from permissions.effective import InactiveReason, resolve_employer_rights, resolve_office_rights
from permissions.grants_sql import GRANTS_VIEW_SQL, fetch_rows
from permissions.inactive import INACTIVE_REASON_SQL
from permissions.models import Employer


class HypotheticalUser(NamedTuple):
    """Everything about a user that decides their effective rights."""

    login_method: str
    accepted_on: date | None
    blocked: bool
    access_until: date | None
    two_factor_required: bool
    has_factor: bool
    teams: frozenset[UUID]
    individual: frozenset[Right]


class HypotheticalAccess(NamedTuple):
    """Rights at the office and as (right, number of employer), inactive ones included, and why they are inactive."""

    inactive_reason: InactiveReason | None
    office: frozenset[Right]
    at_employers: frozenset[tuple[Right, int]]


# A CTE hides the table of the same name from the rest of the statement, and so from the SQL of the rights; from a
# view only if the view is a CTE as well.
HYPOTHETICAL_USERS_SQL = """
WITH accounts_user AS (
    SELECT id, %(provider)s::uuid AS provider_id, login_method, access_until, two_factor_required,
        (accepted_on + time '12:00') AT TIME ZONE %(zone)s AS accepted_at,
        CASE WHEN blocked THEN now() END AS blocked_at,
        CASE WHEN has_factor THEN now() END AS second_factor_at
    FROM unnest(%(ids)s::uuid[], %(login_method)s::text[], %(accepted_on)s::date[], %(blocked)s::bool[],
        %(access_until)s::date[], %(two_factor_required)s::bool[], %(has_factor)s::bool[])
        AS hypothetical (id, login_method, accepted_on, blocked, access_until, two_factor_required, has_factor)
), permissions_teammember AS (
    SELECT %(provider)s::uuid AS provider_id, user_id, team_id
    FROM unnest(%(members)s::uuid[], %(teams)s::uuid[]) AS hypothetical (user_id, team_id)
), permissions_individualright AS (
    SELECT %(provider)s::uuid AS provider_id, user_id, code AS "right"
    FROM unnest(%(holders)s::uuid[], %(codes)s::text[]) AS hypothetical (user_id, code)
)
"""
HYPOTHETICAL_GRANTS_SQL = f", permissions_grant AS ({GRANTS_VIEW_SQL})"


class UserGrants(NamedTuple):
    """Codes of rights regardless of employers and by employer, and why they are inactive."""

    inactive_reason: InactiveReason | None
    codes: set[str]
    codes_by_employer: dict[UUID, set[str]]


def fetch_hypothetical_grants(tables: str, parameters: dict[str, Any]) -> dict[UUID, UserGrants]:
    """Return the grants of each user of `tables`, CTEs such as HYPOTHETICAL_USERS_SQL. Two queries."""
    reasons = fetch_rows(f"{tables} SELECT id, {INACTIVE_REASON_SQL} FROM accounts_user", **parameters)  # noqa: S608
    found = {
        user_id: UserGrants(InactiveReason(reason) if reason else None, set(), defaultdict(set))
        for user_id, reason in reasons
    }
    sql = f"""{tables} SELECT user_id, at_employer, employer_id, array_agg(DISTINCT "right")
        FROM permissions_grant GROUP BY user_id, at_employer, employer_id"""  # noqa: S608
    for user_id, at_employer, employer_id, codes in fetch_rows(sql, **parameters):
        grants = found[user_id]
        (grants.codes_by_employer[employer_id] if at_employer else grants.codes).update(codes)
    return found


def compute_hypothetical_access(provider: Provider, users: Sequence[HypotheticalUser]) -> list[HypotheticalAccess]:
    ids = [UUID(int=number) for number in range(len(users))]
    parameters = build_hypothetical_parameters(provider.pk, ids, users)
    found = fetch_hypothetical_grants(HYPOTHETICAL_USERS_SQL + HYPOTHETICAL_GRANTS_SQL, parameters)
    reached = set[UUID]().union(*(grants.codes_by_employer for grants in found.values()))
    employers = Employer.objects.filter(provider=provider).in_bulk(reached)
    return [
        HypotheticalAccess(
            grants.inactive_reason,
            resolve_office_rights(grants.codes),
            frozenset(
                (right, employers[employer_id].number)
                for employer_id, codes in grants.codes_by_employer.items()
                for right in resolve_employer_rights(codes, employers[employer_id].products)
            ),
        )
        for grants in map(found.__getitem__, ids)
    ]


def build_hypothetical_parameters(
    provider_id: UUID | None, ids: Sequence[UUID], users: Sequence[HypotheticalUser]
) -> dict[str, Any]:
    members = [(user_id, team) for user_id, user in zip(ids, users, strict=True) for team in user.teams]
    holders = [(user_id, right.value) for user_id, user in zip(ids, users, strict=True) for right in user.individual]
    columns = ("login_method", "accepted_on", "blocked", "access_until", "two_factor_required", "has_factor")
    return {name: [getattr(user, name) for user in users] for name in columns} | {
        "provider": provider_id,
        "zone": settings.TIME_ZONE,
        "ids": ids,
        "members": [user_id for user_id, _team in members],
        "teams": [team for _id, team in members],
        "holders": [user_id for user_id, _code in holders],
        "codes": [code for _id, code in holders],
    }
