"""Measure conflicts of duties in an office of 2,000 users and 1,000 employers with 20 rules; print the figures as JSON.

The conflicts of the whole office alternate with the bare join: the grants of the same rights at employers, counted.
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

ROUND_COUNT, RULE_COUNT = 7, 20
_BARE_SQL = """SELECT count(*) FROM permissions_grant
WHERE provider_id = %(provider)s AND at_employer AND "right" = ANY(%(codes)s)"""


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
        print(json.dumps(measure_conflicts(Provider.objects.get())))


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
