"""Measure permission checks in a database of 1,000,000 users; print the figures as JSON.

`may` alternates with bare SQL of the same joins on the same connection, for random users, rights and employers of
random offices. "Who?" and the matrix are measured in an office of 2,000 users, as queries and as whole pages.
"""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bench.database import discard_log, stop_database_afterwards

CHECK_COUNT = 5_000
_BARE_SQL = """
SELECT 1 FROM accounts_user u JOIN permissions_employer w ON w.id = %(employer)s AND w.provider_id = u.provider_id
WHERE u.id = %(user)s AND u.accepted_at IS NOT NULL AND u.blocked_at IS NULL
AND (u.access_until IS NULL OR u.access_until >= %(today)s)
AND NOT EXISTS (SELECT 1 FROM accounts_provider o WHERE o.id = u.provider_id AND o.suspended_at IS NOT NULL)
AND (%(needs)s::smallint[] = '{}' OR w.products && %(needs)s::smallint[])
AND (u.second_factor_at IS NOT NULL OR NOT u.two_factor_required AND NOT EXISTS (
    SELECT 1 FROM permissions_teammember m JOIN permissions_team t ON t.provider_id = m.provider_id AND t.id = m.team_id
    WHERE m.provider_id = u.provider_id AND m.user_id = u.id AND t.two_factor_required)
AND NOT EXISTS (
    SELECT 1 FROM accounts_provider o WHERE o.id = u.provider_id AND (
    o.two_factor_from <= %(today)s
    OR GREATEST((u.accepted_at AT TIME ZONE 'Europe/Amsterdam')::date, o.two_factor_days_since) + o.two_factor_days
        <= %(today)s
    OR o.two_factor_managers AND (EXISTS (
        SELECT 1 FROM permissions_individualright i
        WHERE i.provider_id = u.provider_id AND i.user_id = u.id AND i."right" = 'manage_provider'
    ) OR EXISTS (
        SELECT 1 FROM permissions_teammember m
        JOIN permissions_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id
        WHERE m.provider_id = u.provider_id AND m.user_id = u.id AND r."right" = 'manage_provider')))))
AND (EXISTS (
    SELECT 1 FROM permissions_teammember m
    JOIN permissions_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id
    JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
    WHERE m.provider_id = %(provider)s AND m.user_id = %(user)s
    AND r."right" = %(right)s AND e.employer_id = %(employer)s
) OR EXISTS (
    SELECT 1 FROM permissions_individualright i
    JOIN permissions_teammember m ON m.provider_id = i.provider_id AND m.user_id = i.user_id
    JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
    WHERE i.provider_id = %(provider)s AND i.user_id = %(user)s
    AND i."right" = %(right)s AND e.employer_id = %(employer)s
))"""


def main() -> None:
    """Fill the database, run the benchmark, then stop the database."""
    django.setup()
    from accounts.models import User
    from bench import permission_data
    from bench.user_list import build_callers, compare_views, create_admin_application, create_caller

    data = Path(settings.DATABASES["default"]["DATA_DIR"])
    call_command("migrate", verbosity=0)
    discard_log()
    with stop_database_afterwards():
        started = time.perf_counter()
        permission_data.create_large_office()
        permission_data.fill_database(data)
        found: dict[str, Any] = {"fill": time.perf_counter() - started}
        found |= measure_checks()
        found |= measure_lists()
        found |= measure_pages()
        found["lists"] = compare_views(build_callers(User.objects.get(username_key="groot 0")))
        everybody = {"everybody": create_caller(create_admin_application(), "/admin/accounts/user/", "")}
        found["lists"] |= compare_views(everybody, warm_up=1, requests=5)
        found["search"] = measure_search()
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            found["postgresql"] = cursor.fetchone()[0]
        print(json.dumps(found))


def measure_checks() -> dict[str, float]:
    """Return medians and 99th percentiles of `may` and the bare SQL in milliseconds, and the share of True."""
    from accounts.models import User
    from bench.permission_data import EMPLOYER_COUNT, OFFICE_COUNT, USER_COUNT
    from permissions import checks
    from permissions.catalog import EMPLOYER_LEVEL_RIGHTS
    from permissions.models import Employer

    chance, choices = random.Random(1), sorted(EMPLOYER_LEVEL_RIGHTS)
    offices = [chance.randrange(OFFICE_COUNT) for _number in range(CHECK_COUNT)]
    users = _fetch_random(User, 2, USER_COUNT // OFFICE_COUNT, offices, chance)
    employers = _fetch_random(Employer, 3, EMPLOYER_COUNT // OFFICE_COUNT, offices, chance)
    cursor = connection.cursor().cursor  # psycopg's own, without Django's wrapper
    asked: list[float] = []
    bare: list[float] = []
    yes = 0
    for user, employer in zip(users, employers, strict=True):
        right = chance.choice(choices)
        parameters = {
            "user": user.pk, "provider": user.provider_id, "employer": employer.pk, "right": right.value,
            "today": timezone.localdate(), "needs": [product.value for product in right.products],
        }  # fmt: skip
        calls = [
            (asked, lambda: checks.has_right(user, right, employer)),  # noqa: B023
            (bare, lambda: bool(cursor.execute(_BARE_SQL, parameters).fetchall())),  # noqa: B023
        ]
        chance.shuffle(calls)  # the first to ask reads the rows into the caches
        answers = [_record_call(times, call) for times, call in calls]
        if answers[0] != answers[1]:
            raise SystemExit(f"{user.pk} {right} {employer.pk}: may and the bare SQL disagree")
        yes += answers[0]
    half = CHECK_COUNT // 2  # the first half warms the caches
    asked, bare = sorted(asked[half:]), sorted(bare[half:])
    return {
        "may": asked[len(asked) // 2],
        "bare": bare[len(bare) // 2],
        "may_p99": asked[len(asked) * 99 // 100],
        "bare_p99": bare[len(bare) * 99 // 100],
        "yes": yes / CHECK_COUNT,
    }


def _record_call(times: list[float], call: Callable[[], bool]) -> bool:
    taken, answer = measure_call(call)
    times.append(taken)
    return bool(answer)


def _fetch_random(model: Any, prefix: int, count: int, offices: list[int], chance: random.Random) -> list[Any]:
    """Return for each office one of its `count` rows."""
    from bench.permission_data import OFFICE_COUNT

    numbers = [office + OFFICE_COUNT * chance.randrange(count) for office in offices]
    keys = [f"{prefix:08x}-0000-7000-8000-{number:012x}" for number in numbers]
    found = {str(key): row for key, row in model.objects.in_bulk(set(keys)).items()}
    return [found[key] for key in keys]


def measure_lists() -> dict[str, float]:
    """Return the slowest of 20 calls each of "Who?" and the matrix in the large office, in milliseconds."""
    from accounts.models import Provider
    from core.paging import paginate_queryset
    from permissions import right_sources
    from permissions.catalog import Right
    from permissions.effective import build_matrix, filter_matrix_users, filter_right_holders
    from permissions.models import Employer

    def list_holders(right: Right, employer: Employer | None) -> object:
        holders = paginate_queryset(filter_right_holders(office, right, employer), cursor="")
        return right_sources.list_right_holders(office, right, employer, holders.rows)

    def fill_matrix(employer: Employer | None) -> object:
        users = paginate_queryset(filter_matrix_users(office, employer), cursor="")
        return build_matrix(office, employer, users.rows)

    office = Provider.objects.get(name="Groot kantoor")
    places = list(Employer.objects.filter(provider=office)[:20])
    return {
        "who": max(
            measure_call(lambda: list_holders(Right.VIEW_WAGES, place))[0]  # noqa: B023
            for place in places
        ),
        "who_office": max(measure_call(lambda: list_holders(Right.VIEW_TEAMS, None))[0] for _place in places),
        "matrix": max(measure_call(lambda: fill_matrix(place))[0] for place in places),  # noqa: B023
        "matrix_office": max(measure_call(lambda: fill_matrix(None))[0] for _place in places),
    }


def measure_pages() -> dict[str, float]:
    """Return the slowest of 20 pages each of "Who?" and the matrix in the large office, in milliseconds."""
    from django.test import Client

    from accounts.models import User
    from permissions.models import Employer, IndividualRight

    administrator = User.objects.get(username_key="groot 0")
    office = administrator.office
    IndividualRight.objects.create(provider=office, user=administrator, right="manage_provider")
    browser = Client(headers={"Host": "localhost"})
    browser.force_login(administrator)
    places = list(Employer.objects.filter(provider=office)[:20])

    def slowest(*addresses: str) -> float:
        if browser.get(addresses[0]).status_code != 200:  # the first one compiles the template
            raise SystemExit(f"{addresses[0]} is not answered")
        return max(measure_call(lambda: browser.get(address))[0] for address in addresses)  # noqa: B023

    return {
        "who_page": slowest(*(f"/rechten/wie/?right=view_wages&employer={place.pk}" for place in places)),
        "who_office_page": slowest(*["/rechten/wie/?right=view_teams"] * 20),
        "matrix_page": slowest(*(f"/autorisatiematrix/?employer={place.pk}" for place in places)),
        "matrix_office_page": slowest(*["/autorisatiematrix/"] * 20),
    }


def measure_search() -> float:
    """Return the slowest of 20 searches for each kind of text that support may enter, in milliseconds."""
    from bench.permission_data import USER_COUNT
    from support import search

    chance = random.Random(2)
    asked = ["jansen", "u1", "zz", "", "Jansen {n}", "u{n}", "U{n}@example.nl", "00000002-0000-7000-8000-{n:012x}"]
    slowest = 0.0
    for text in asked:
        for _time in range(20):
            typed = text.format(n=chance.randrange(USER_COUNT))
            slowest = max(
                slowest,
                measure_call(lambda: search.search_users(typed))[0],  # noqa: B023
                measure_call(lambda: search.search_messages(typed))[0],  # noqa: B023
            )
    return slowest


def measure_call(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the milliseconds that a call takes, and its result."""
    started = time.perf_counter()
    answer = call()
    return (time.perf_counter() - started) * 1000, answer


if __name__ == "__main__":
    main()
