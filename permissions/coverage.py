"""Where the work hangs on one person: employers whose payroll only one user can run now."""

from typing import NamedTuple
from uuid import UUID

from accounts.models import Provider
from permissions.catalog import Right
from permissions.grants_sql import fetch_rows
from permissions.inactive import INACTIVE_REASON_SQL

# Both are needed to run a payroll; neither depends on a product.
PAYROLL_RIGHTS = (Right.MANAGE_ADMINISTRATION, Right.MANAGE_VARIABLE_DATA)
MAX_EMPLOYERS_NAMED = 3

_HAS_RIGHTS_SQL = """bool_or("right" = %(administer)s) AS administers, bool_or("right" = %(enter)s) AS enters"""
# A team with two active members who can run payrolls settles all its employers; the few others are looked at per user,
# whose two rights may come from two teams.
_SINGLE_PAYROLL_SQL = f"""
WITH by_team AS MATERIALIZED (
    SELECT team_id, {_HAS_RIGHTS_SQL} FROM permissions_teamright
    WHERE provider_id = %(provider)s AND "right" IN (%(administer)s, %(enter)s) GROUP BY team_id
), individual AS MATERIALIZED (
    SELECT user_id, {_HAS_RIGHTS_SQL} FROM permissions_individualright
    WHERE provider_id = %(provider)s AND "right" IN (%(administer)s, %(enter)s) GROUP BY user_id
), active AS MATERIALIZED (
    SELECT m.team_id, m.user_id,
        coalesce(t.administers, false) OR coalesce(i.administers, false) AS administers,
        coalesce(t.enters, false) OR coalesce(i.enters, false) AS enters
    FROM permissions_teammember m
    JOIN accounts_user ON accounts_user.provider_id = m.provider_id AND accounts_user.id = m.user_id
    LEFT JOIN by_team t ON t.team_id = m.team_id
    LEFT JOIN individual i ON i.user_id = m.user_id
    WHERE m.provider_id = %(provider)s AND (t.team_id IS NOT NULL OR i.user_id IS NOT NULL)
    AND ({INACTIVE_REASON_SQL}) IS NULL
), settled AS MATERIALIZED (
    SELECT DISTINCT e.employer_id FROM permissions_teamemployer e
    WHERE e.provider_id = %(provider)s AND e.team_id IN (
        SELECT team_id FROM active WHERE administers AND enters GROUP BY team_id HAVING count(*) > 1
    )
), able AS (
    SELECT e.employer_id, a.user_id FROM permissions_teamemployer e JOIN active a ON a.team_id = e.team_id
    WHERE e.provider_id = %(provider)s AND NOT EXISTS (SELECT 1 FROM settled s WHERE s.employer_id = e.employer_id)
    GROUP BY e.employer_id, a.user_id HAVING bool_or(a.administers) AND bool_or(a.enters)
)
SELECT w.id, w.name, count(*) OVER () FROM permissions_employer w
WHERE w.provider_id = %(provider)s
AND w.id IN (SELECT employer_id FROM able GROUP BY employer_id HAVING count(*) = 1)
ORDER BY w.sort_name, w.id LIMIT {MAX_EMPLOYERS_NAMED}"""  # noqa: S608


class SinglePayroll(NamedTuple):
    """Employers whose payroll exactly one user can run now: how many, and the first of them by name."""

    total: int
    employers: list[tuple[UUID, str]]


def find_single_payroll(provider: Provider) -> SinglePayroll:
    """One query."""
    administer, enter = PAYROLL_RIGHTS
    rows = fetch_rows(_SINGLE_PAYROLL_SQL, provider=provider.pk, administer=administer.value, enter=enter.value)
    return SinglePayroll(rows[0][2] if rows else 0, [(pk, name) for pk, name, _total in rows])
