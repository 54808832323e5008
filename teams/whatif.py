"""Compute what users could do with other teams and rights: the SQL of the evaluator over hypothetical rows."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from accounts.models import Provider
from teams import roads
from teams.catalogue import Right
from teams.evaluator import Resting, at_employer, at_office
from teams.resting import RESTS


class Supposed(NamedTuple):
    """Everything about a user that decides their effective rights."""

    login_method: str
    accepted_on: date | None
    blocked: bool
    access_until: date | None
    two_factor_required: bool
    has_factor: bool
    teams: frozenset[UUID]
    individual: frozenset[Right]


class Abilities(NamedTuple):
    """Rights at the office and as (right, number of employer), inactive ones included, and why they are inactive."""

    resting: Resting | None
    office: frozenset[Right]
    at_employers: frozenset[tuple[Right, int]]


# A CTE hides the table of the same name from the rest of the statement, and so from the SQL of the evaluator.
SUPPOSED = """
WITH accounts_user AS (
    SELECT id, %(provider)s::uuid AS provider_id, login_method, access_until, two_factor_required,
        (accepted_on + time '12:00') AT TIME ZONE %(zone)s AS accepted_at,
        CASE WHEN blocked THEN now() END AS blocked_at,
        CASE WHEN has_factor THEN now() END AS second_factor_at
    FROM unnest(%(ids)s::uuid[], %(login_method)s::text[], %(accepted_on)s::date[], %(blocked)s::bool[],
        %(access_until)s::date[], %(two_factor_required)s::bool[], %(has_factor)s::bool[])
        AS one (id, login_method, accepted_on, blocked, access_until, two_factor_required, has_factor)
), teams_teammember AS (
    SELECT %(provider)s::uuid AS provider_id, user_id, team_id
    FROM unnest(%(members)s::uuid[], %(teams)s::uuid[]) AS one (user_id, team_id)
), teams_individualright AS (
    SELECT %(provider)s::uuid AS provider_id, user_id, code AS "right"
    FROM unnest(%(holders)s::uuid[], %(codes)s::text[]) AS one (user_id, code)
)
"""


def abilities(provider: Provider, people: Sequence[Supposed]) -> list[Abilities]:
    """Return what each of `people` of the office could do. Three queries."""
    ids = [UUID(int=number) for number in range(len(people))]
    named = parameters(provider.pk, ids, people)
    rests: dict[UUID, Any]
    rests = dict(roads.fetch(f"{SUPPOSED} SELECT id, {RESTS} FROM accounts_user", **named))  # noqa: S608
    office: dict[UUID, set[str]] = defaultdict(set)
    for user_id, code in roads.fetch(f"{SUPPOSED} SELECT user_id, code FROM ({roads.in_office()}) road", **named):  # noqa: S608
        office[user_id].add(code)
    places: dict[UUID, set[tuple[Right, int]]] = defaultdict(set)
    rows = roads.fetch(
        f"{SUPPOSED} SELECT road.user_id, number, products, array_agg(DISTINCT road.code)"  # noqa: S608
        f" FROM ({roads.at_employers()}) road JOIN teams_employer ON teams_employer.id = road.employer_id"
        f" GROUP BY road.user_id, teams_employer.id",
        **named,
    )
    for user_id, number, products, codes in rows:
        places[user_id].update((right, number) for right in at_employer(codes, products))
    return [
        Abilities(Resting(rests[id]) if rests[id] else None, at_office(office[id]), frozenset(places[id])) for id in ids
    ]


def parameters(provider_id: UUID, ids: Sequence[UUID], people: Sequence[Supposed]) -> dict[str, Any]:
    """Return the parameters of SUPPOSED; `ids` has the id of each of `people`."""
    members = [(id, team) for id, one in zip(ids, people, strict=True) for team in one.teams]
    holders = [(id, right.value) for id, one in zip(ids, people, strict=True) for right in one.individual]
    columns = ("login_method", "accepted_on", "blocked", "access_until", "two_factor_required", "has_factor")
    return {name: [getattr(one, name) for one in people] for name in columns} | {
        "provider": provider_id,
        "zone": settings.TIME_ZONE,
        "ids": ids,
        "members": [id for id, _team in members],
        "teams": [team for _id, team in members],
        "holders": [id for id, _code in holders],
        "codes": [code for _id, code in holders],
    }
