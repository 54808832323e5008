"""Compute what users could do with other teams and rights: the SQL of the evaluator over hypothetical rows."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from accounts.models import Provider
from permissions import grants_sql
from permissions.catalog import Right
from permissions.effective import InactiveReason, resolve_employer_rights, resolve_office_rights
from permissions.inactive import INACTIVE_REASON_SQL


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


# A CTE hides the table of the same name from the rest of the statement, and so from the SQL of the evaluator.
HYPOTHETICAL_USERS_SQL = """
WITH accounts_user AS (
    SELECT id, %(provider)s::uuid AS provider_id, login_method, access_until, two_factor_required,
        (accepted_on + time '12:00') AT TIME ZONE %(zone)s AS accepted_at,
        CASE WHEN blocked THEN now() END AS blocked_at,
        CASE WHEN has_factor THEN now() END AS second_factor_at
    FROM unnest(%(ids)s::uuid[], %(login_method)s::text[], %(accepted_on)s::date[], %(blocked)s::bool[],
        %(access_until)s::date[], %(two_factor_required)s::bool[], %(has_factor)s::bool[])
        AS one (id, login_method, accepted_on, blocked, access_until, two_factor_required, has_factor)
), permissions_teammember AS (
    SELECT %(provider)s::uuid AS provider_id, user_id, team_id
    FROM unnest(%(members)s::uuid[], %(teams)s::uuid[]) AS one (user_id, team_id)
), permissions_individualright AS (
    SELECT %(provider)s::uuid AS provider_id, user_id, code AS "right"
    FROM unnest(%(holders)s::uuid[], %(codes)s::text[]) AS one (user_id, code)
)
"""


def compute_hypothetical_access(provider: Provider, people: Sequence[HypotheticalUser]) -> list[HypotheticalAccess]:
    """Return what each of `people` of the office could do. Three queries."""
    ids = [UUID(int=number) for number in range(len(people))]
    named = build_hypothetical_parameters(provider.pk, ids, people)
    inactive_reasons: dict[UUID, Any]
    inactive_reasons = dict(
        grants_sql.fetch_rows(f"{HYPOTHETICAL_USERS_SQL} SELECT id, {INACTIVE_REASON_SQL} FROM accounts_user", **named)  # noqa: S608
    )
    office: dict[UUID, set[str]] = defaultdict(set)
    inner = grants_sql.build_office_grants_sql()
    rows = grants_sql.fetch_rows(f"{HYPOTHETICAL_USERS_SQL} SELECT user_id, code FROM ({inner}) held_grant", **named)  # noqa: S608
    for user_id, code in rows:
        office[user_id].add(code)
    places: dict[UUID, set[tuple[Right, int]]] = defaultdict(set)
    inner = grants_sql.build_employer_grants_sql()
    rows = grants_sql.fetch_rows(
        f"{HYPOTHETICAL_USERS_SQL} SELECT held_grant.user_id, number, products, array_agg(DISTINCT held_grant.code)"  # noqa: S608
        f" FROM ({inner}) held_grant JOIN permissions_employer ON permissions_employer.id = held_grant.employer_id"
        f" GROUP BY held_grant.user_id, permissions_employer.id",
        **named,
    )
    for user_id, number, products, codes in rows:
        places[user_id].update((right, number) for right in resolve_employer_rights(codes, products))
    return [
        HypotheticalAccess(
            InactiveReason(inactive_reasons[user_id]) if inactive_reasons[user_id] else None,
            resolve_office_rights(office[user_id]),
            frozenset(places[user_id]),
        )
        for user_id in ids
    ]


def build_hypothetical_parameters(
    provider_id: UUID, ids: Sequence[UUID], people: Sequence[HypotheticalUser]
) -> dict[str, Any]:
    """Return the parameters of HYPOTHETICAL_USERS_SQL; `ids` has the id of each of `people`."""
    members = [(user_id, team) for user_id, one in zip(ids, people, strict=True) for team in one.teams]
    holders = [(user_id, right.value) for user_id, one in zip(ids, people, strict=True) for right in one.individual]
    columns = ("login_method", "accepted_on", "blocked", "access_until", "two_factor_required", "has_factor")
    return {name: [getattr(one, name) for one in people] for name in columns} | {
        "provider": provider_id,
        "zone": settings.TIME_ZONE,
        "ids": ids,
        "members": [user_id for user_id, _team in members],
        "teams": [team for _id, team in members],
        "holders": [user_id for user_id, _code in holders],
        "codes": [code for _id, code in holders],
    }
