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
# A way to run payrolls is a team whose members have both rights there, or two teams that give one each. Of each way,
# the first and the last of its users suffice, so that the rows to join with employers do not grow with the users.
_SINGLE_PAYROLL_SQL = f"""
WITH by_team AS MATERIALIZED (
    SELECT team_id, {_HAS_RIGHTS_SQL} FROM permissions_teamright
    WHERE provider_id = %(provider)s AND "right" IN (%(administer)s, %(enter)s) GROUP BY team_id
), individual AS MATERIALIZED (
    SELECT user_id, {_HAS_RIGHTS_SQL} FROM permissions_individualright
    WHERE provider_id = %(provider)s AND "right" IN (%(administer)s, %(enter)s) GROUP BY user_id
), member AS MATERIALIZED (
    SELECT m.team_id, m.user_id,
        coalesce(t.administers, false) OR coalesce(i.administers, false) AS administers,
        coalesce(t.enters, false) OR coalesce(i.enters, false) AS enters
    FROM permissions_teammember m
    LEFT JOIN by_team t ON t.team_id = m.team_id
    LEFT JOIN individual i ON i.user_id = m.user_id
    WHERE m.provider_id = %(provider)s AND (t.team_id IS NOT NULL OR i.user_id IS NOT NULL)
), active AS MATERIALIZED (
    SELECT id AS user_id, id::text COLLATE "C" AS name FROM accounts_user
    WHERE provider_id = %(provider)s AND id IN (
        SELECT user_id FROM member GROUP BY user_id HAVING bool_or(administers) AND bool_or(enters)
    ) AND ({INACTIVE_REASON_SQL}) IS NULL
), way AS MATERIALIZED (
    SELECT team_id AS administer_team, team_id AS enter_team, min(name) AS first_user, max(name) AS last_user
    FROM member JOIN active USING (user_id) WHERE administers AND enters GROUP BY team_id
    UNION ALL
    SELECT a.team_id, e.team_id, min(name), max(name)
    FROM active JOIN member a USING (user_id) JOIN member e USING (user_id)
    WHERE a.administers AND NOT a.enters AND e.enters AND NOT e.administers GROUP BY a.team_id, e.team_id
), place AS MATERIALIZED (
    SELECT team_id, employer_id FROM permissions_teamemployer WHERE provider_id = %(provider)s
)
SELECT w.id, w.name, count(*) OVER () FROM permissions_employer w
WHERE w.provider_id = %(provider)s AND w.id IN (
    SELECT a.employer_id FROM way
    JOIN place a ON a.team_id = administer_team
    JOIN place e ON e.team_id = enter_team AND e.employer_id = a.employer_id
    GROUP BY a.employer_id HAVING min(first_user) = max(last_user)
)
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
