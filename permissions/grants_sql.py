"""The SQL of granted rights: the view, and a function for queries that are not querysets (docs/adr/0008)."""

from typing import Any

from django.db import connections, router
from django.utils import timezone

from accounts.models import User

# Every path by which a right reaches a user. The migration has the same text, for the view of
# `permissions.models.Grant`; hypothetical statements put it after the tables that they replace.
GRANTS_VIEW_SQL = """
SELECT m.provider_id, m.user_id, r."right", false AS at_employer, NULL::uuid AS employer_id, m.team_id,
    false AS individual
FROM permissions_teammember m
JOIN permissions_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id
UNION ALL
SELECT i.provider_id, i.user_id, i."right", false, NULL, NULL, true
FROM permissions_individualright i
UNION ALL
SELECT m.provider_id, m.user_id, r."right", true, e.employer_id, m.team_id, false
FROM permissions_teammember m
JOIN permissions_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id
JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
UNION ALL
SELECT i.provider_id, i.user_id, i."right", true, e.employer_id, m.team_id, true
FROM permissions_individualright i
JOIN permissions_teammember m ON m.provider_id = i.provider_id AND m.user_id = i.user_id
JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
"""


def fetch_rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run `sql` and return its rows; the parameter `today` is always available."""
    with connections[router.db_for_read(User)].cursor() as cursor:
        cursor.execute(sql, {"today": timezone.localdate(), **parameters})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
