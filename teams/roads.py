"""The SQL that selects granted rights; every check of permissions is built on it."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections, router
from django.utils import timezone

from teams.models import TeamMember

# Named parameters: `provider` and, if the query is narrowed, `user` or `users`, `employer` and `codes`.
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
    """One grant of a right to a user: by a team, or individually.

    At an employer, `team_id` of an individual grant is the team that gives the user access to that employer. It is None
    only for an individual grant at the level of the office.
    """

    user_id: UUID
    employer_id: UUID | None
    code: str
    team_id: UUID | None
    individual: bool


def in_office(whose: str = "", *, codes: bool = False) -> str:
    """Return SQL that selects every grant regardless of employers, with the columns of Road.

    `whose` is a condition on the user such as ONE. With `codes`, select only the rights in the parameter of that name.
    """
    return _sql(_BY_TEAM, _INDIVIDUAL, whose, codes, {"employer": "NULL::uuid", "join": "", "e": ""})


def at_employers(whose: str = "", *, codes: bool = False, employer: bool = False) -> str:
    """Return SQL that selects every grant at an employer; with `employer` only at the one in that parameter."""
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
    """Run `sql` and return its rows; the parameter `today` is always available."""
    with connections[router.db_for_read(TeamMember)].cursor() as cursor:
        cursor.execute(sql, {"today": timezone.localdate(), **parameters})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def roads(sql: str, **parameters: Any) -> list[Road]:
    """Run `sql`, built by `in_office` or `at_employers`, and return the grants it selects."""
    return [Road(*row) for row in fetch(sql, **parameters)]
