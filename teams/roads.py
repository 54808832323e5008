"""The roads by which rights reach people, as SQL: one text behind every question about who may do what."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections, router
from django.utils import timezone

from teams.models import TeamMember

# The named parameters are `provider` and, where they narrow the question, `user`, `employer` and `codes`.
_BY_TEAM = """
SELECT m.user_id, {employer} AS employer_id, r."right" AS code, m.team_id, false AS individual
FROM teams_teammember m
JOIN teams_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id{join}
WHERE m.provider_id = %(provider)s{m}{r}{e}"""
_INDIVIDUAL = """
SELECT i.user_id, NULL::uuid, i."right", NULL::uuid, true
FROM teams_individualright i
WHERE i.provider_id = %(provider)s{i}"""
_INDIVIDUAL_AT_EMPLOYER = """
SELECT i.user_id, e.employer_id, i."right", m.team_id, true
FROM teams_individualright i
JOIN teams_teammember m ON m.provider_id = i.provider_id AND m.user_id = i.user_id{join}
WHERE i.provider_id = %(provider)s{i}{e}"""
ONE, SEVERAL, GIVER = "= %(user)s", "= ANY(%(users)s)", "= %(giver)s"
JOIN_EMPLOYER = "\nJOIN teams_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id"


class Road(NamedTuple):
    """One way a right reaches a user: a team gives it, or it is his own and at an employer the team brings him there.

    `team_id` is None only for an individual right at the level of the office.
    """

    user_id: UUID
    employer_id: UUID | None
    code: str
    team_id: UUID | None
    individual: bool


def in_office(whose: str = "", *, codes: bool = False) -> str:
    """Return the SQL of every road, employers left aside; its columns are those of Road.

    `whose` is a condition on the user such as ONE, `codes` narrows to the parameter of that name.
    """
    return _sql(_BY_TEAM, _INDIVIDUAL, whose, codes, {"employer": "NULL::uuid", "join": "", "e": ""})


def at_employers(whose: str = "", *, codes: bool = False, employer: bool = False) -> str:
    """Return the SQL of every road to an employer, or with `employer` to the one of the parameter of that name."""
    parts = {"employer": "e.employer_id", "join": JOIN_EMPLOYER}
    parts["e"] = " AND e.employer_id = %(employer)s" if employer else ""
    return _sql(_BY_TEAM, _INDIVIDUAL_AT_EMPLOYER, whose, codes, parts)


def _sql(by_team: str, individual: str, whose: str, codes: bool, parts: dict[str, str]) -> str:
    who = f".user_id {whose}" if whose else ""
    what = '."right" = ANY(%(codes)s)' if codes else ""
    parts = parts | {
        "m": who and f" AND m{who}",
        "r": what and f" AND r{what}",
        "i": (who and f" AND i{who}") + (what and f" AND i{what}"),
    }
    return f"{by_team.format(**parts)}\nUNION ALL{individual.format(**parts)}"


def fetch(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of `sql`; `today` is always among the parameters."""
    with connections[router.db_for_read(TeamMember)].cursor() as cursor:
        cursor.execute(sql, {"today": timezone.localdate(), **parameters})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def roads(sql: str, **parameters: Any) -> list[Road]:
    """Return the roads that `sql` of `in_office` or `at_employers` finds."""
    return [Road(*row) for row in fetch(sql, **parameters)]
