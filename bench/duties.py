"""Measure conflicts of duties in an office of 2,000 users and 1,000 employers with 20 rules; print the figures as JSON.

The conflicts of the whole office alternate with the bare join: the grants of the same rights at employers, counted.
Since when a page of users conflicts is read from the longest history that is read at all.
`python -m bench.duties 200 100 10` measures a smaller office, of so many users, employers and teams.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from bench.database import analyze, discard_log, stop_database_afterwards

ROUND_COUNT, RULE_COUNT, PAGE_SIZE = 7, 20, 50
_BARE_SQL = """SELECT count(*) FROM permissions_grant
WHERE provider_id = %(provider)s AND at_employer AND "right" = ANY(%(codes)s)"""

_USER_EVENTS_SQL = """
INSERT INTO audit_event (id, provider_id, at, who, origin, verb, target_kind, target_id, what, correlation_id)
SELECT gen_random_uuid(), %(office)s, now() - interval '10 years', '{"name": "Loket"}', 'command', 'user_created',
    'user', made, '{"name": "Jansen", "changes": {"login_method": [null, "azure_ad"]}}', ''
FROM unnest(%(users)s::uuid[]) made"""
# In turn a team gets a member, rights and an employer, and loses them.
_TEAM_EVENTS_SQL = """
INSERT INTO audit_event (id, provider_id, at, who, origin, verb, target_kind, target_id, what, correlation_id)
SELECT gen_random_uuid(), %(office)s, now() - (%(size)s - n) * interval '1 minute', '{"name": "Loket"}', 'page',
    'team_changed', 'team', (%(teams)s::uuid[])[1 + n / 6 %% cardinality(%(teams)s::uuid[])],
    jsonb_build_object('name', 'Team', 'changes', CASE n %% 3
        WHEN 0 THEN jsonb_build_object('members', CASE WHEN n %% 2 = 0 THEN jsonb_build_array(NULL, one.users)
            ELSE jsonb_build_array(one.users, NULL) END)
        WHEN 1 THEN jsonb_build_object('manage_wages', CASE WHEN n %% 2 = 1 THEN '[null, "given"]'::jsonb
            ELSE '["given", null]'::jsonb END)
        ELSE jsonb_build_object('employers', '[null, {"01900000-0000-7000-8000-000000000000": "Bakker"}]'::jsonb) END),
    ''
FROM generate_series(1, %(size)s) n,
    LATERAL (SELECT jsonb_build_array((%(users)s::uuid[])[1 + n %% cardinality(%(users)s::uuid[])]) AS users) one"""


def main() -> None:
    """Fill the database, run the benchmark, then stop the database."""
    django.setup()
    from accounts.models import Provider
    from bench import permission_data

    call_command("migrate", verbosity=0)
    discard_log()
    with stop_database_afterwards():
        users, employers, teams = map(int, sys.argv[1:4] or (2_000, 1_000, 100))
        permission_data.create_large_office(users=users, employers=employers, teams=teams)
        analyze(Path(settings.DATABASES["default"]["DATA_DIR"]))
        office = Provider.objects.get()
        print(json.dumps(measure_conflicts(office) | {"starts": measure_starts(office)}))


def measure_conflicts(office: Any) -> dict[str, float]:
    """Return medians in milliseconds, and the number of grants and conflicts."""
    from permissions.duties import count_conflicts

    rules = _build_rules(office)
    codes = sorted({code for rule in rules for code in (*rule.first, *rule.second)})
    times: dict[str, list[float]] = {"conflicts": [], "bare": []}
    grants = found = 0
    for _round in range(ROUND_COUNT):
        started = time.perf_counter()
        found = len(count_conflicts(office.pk, rules))
        counted_at = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(_BARE_SQL, {"provider": office.pk, "codes": codes})
            ((grants,),) = cursor.fetchall()
        times["conflicts"].append((counted_at - started) * 1000)
        times["bare"].append((time.perf_counter() - counted_at) * 1000)
    medians = {name: sorted(rounds)[ROUND_COUNT // 2] for name, rounds in times.items()}
    return medians | {"grants": grants, "found": found}


def measure_starts(office: Any) -> float:
    """Return the milliseconds for a page of users and a history of `MAX_EVENTS`."""
    from accounts.models import User
    from permissions.models import Team
    from reviews.duty_history import MAX_EVENTS, find_conflict_starts

    users = list(User.objects.filter(provider=office).values_list("pk", flat=True)[:PAGE_SIZE])
    teams = list(Team.objects.filter(provider=office).values_list("pk", flat=True))
    parameters = {"office": office.pk, "users": users, "teams": teams, "size": MAX_EVENTS - len(users)}
    with connection.cursor() as cursor:
        cursor.execute(_USER_EVENTS_SQL, parameters)
        cursor.execute(_TEAM_EVENTS_SQL, parameters)
    rules = _build_rules(office)
    started = time.perf_counter()
    find_conflict_starts(office.pk, rules, users)
    return (time.perf_counter() - started) * 1000


def _build_rules(office: Any) -> list[Any]:
    """Return rules at employers and of the office, each about other rights."""
    from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right
    from permissions.models import DutyRule

    rights, at_employer = list(Right), sorted(EMPLOYER_LEVEL_RIGHTS)
    return [
        DutyRule(
            provider=office, name=f"R{n}", first=[at_employer[n % len(at_employer)]],
            second=[rights[(n * 2 + i + 1) % len(rights)] for i in range(2)],
            level=DutyRule.Level.OFFICE if n % 4 == 0 else DutyRule.Level.EMPLOYER, severity=DutyRule.Severity.WARN,
        )
        for n in range(RULE_COUNT)
    ]  # fmt: skip


if __name__ == "__main__":
    main()
