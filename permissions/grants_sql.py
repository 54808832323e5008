"""The SQL that selects granted rights; every check of permissions is built on it."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections, router
from django.utils import timezone

from permissions.models import TeamMember

# Named parameters: `provider` and, if the query is narrowed, `user` or `users`, `employer` and `codes`.
_TEAM_GRANTS_SQL = """
SELECT m.user_id, {employer} AS employer_id, r."right" AS code, m.team_id, false AS individual
FROM permissions_teammember m
JOIN permissions_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id{join}
WHERE m.provider_id = %(provider)s{m}{r}{e}"""
_INDIVIDUAL_GRANTS_SQL = """
SELECT i.user_id, NULL::uuid, i."right", NULL::uuid, true
FROM permissions_individualright i
WHERE i.provider_id = %(provider)s{i}"""
_INDIVIDUAL_EMPLOYER_GRANTS_SQL = """
SELECT i.user_id, e.employer_id, i."right", m.team_id, true
FROM permissions_individualright i
JOIN permissions_teammember m ON m.provider_id = i.provider_id AND m.user_id = i.user_id{join}
WHERE i.provider_id = %(provider)s{i}{e}"""
ONE_USER_CONDITION, USERS_CONDITION, GIVER_CONDITION = "= %(user)s", "= ANY(%(users)s)", "= %(giver)s"
TEAM_EMPLOYER_JOIN = "\nJOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id"


class Grant(NamedTuple):
    """One grant of a right to a user: by a team, or individually.

    At an employer, `team_id` of an individual grant is the team that gives the user access to that employer. It is None
    only for an individual grant at the level of the office.
    """

    user_id: UUID
    employer_id: UUID | None
    code: str
    team_id: UUID | None
    individual: bool


def build_office_grants_sql(whose: str = "", *, codes: bool = False) -> str:
    """Return SQL that selects every grant regardless of employers, with the columns of Grant.

    `whose` is a condition on the user such as ONE_USER_CONDITION. With `codes`, select only the rights in the parameter
    of that name.
    """
    return _build_union_sql(
        _TEAM_GRANTS_SQL, _INDIVIDUAL_GRANTS_SQL, whose, codes, {"employer": "NULL::uuid", "join": "", "e": ""}
    )


def build_employer_grants_sql(whose: str = "", *, codes: bool = False, employer: bool = False) -> str:
    """Return SQL that selects every grant at an employer; with `employer` only at the one in that parameter."""
    parts = {"employer": "e.employer_id", "join": TEAM_EMPLOYER_JOIN}
    parts["e"] = " AND e.employer_id = %(employer)s" if employer else ""
    return _build_union_sql(_TEAM_GRANTS_SQL, _INDIVIDUAL_EMPLOYER_GRANTS_SQL, whose, codes, parts)


def _build_union_sql(by_team: str, individual: str, whose: str, codes: bool, parts: dict[str, str]) -> str:
    who = f".user_id {whose}" if whose else ""
    what = '."right" = ANY(%(codes)s)' if codes else ""
    parts = parts | {
        "m": who and f" AND m{who}",
        "r": what and f" AND r{what}",
        "i": (who and f" AND i{who}") + (what and f" AND i{what}"),
    }
    return f"{by_team.format(**parts)}\nUNION ALL{individual.format(**parts)}"


def fetch_rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run `sql` and return its rows; the parameter `today` is always available."""
    with connections[router.db_for_read(TeamMember)].cursor() as cursor:
        cursor.execute(sql, {"today": timezone.localdate(), **parameters})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def fetch_grants(sql: str, **parameters: Any) -> list[Grant]:
    """Run `sql`, built by `build_office_grants_sql` or `build_employer_grants_sql`, and return its grants."""
    return [Grant(*row) for row in fetch_rows(sql, **parameters)]
