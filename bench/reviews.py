"""Measure an access review of 5,000 users: starting it, and decisions. Print the figures as JSON, in milliseconds.

The start is compared with one bare statement that stores the same paths; a decision with the bare statements that lock
the campaign and change the path, without event or chain and without the question whether the user breaks a rule about
duties. The office has 20 such rules, and no decision has a reason: then each is asked.
`python -m bench.reviews 500 100 20` measures a smaller office, of so many users, employers and teams.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from bench.database import analyze, discard_log, stop_database_afterwards

DECISION_COUNT, RULE_COUNT = 60, 20
_BARE_START_SQL = """CREATE TEMP TABLE bare_paths AS
SELECT gen_random_uuid() AS id, user_id, team_id, array_agg("right" ORDER BY "right") AS rights
FROM permissions_grant WHERE provider_id = %(provider)s AND NOT at_employer
GROUP BY user_id, team_id, CASE WHEN individual THEN "right" END"""


def main() -> None:
    """Fill the database, run the benchmark, then stop the database."""
    django.setup()
    from accounts.models import Provider
    from bench import permission_data

    call_command("migrate", verbosity=0)
    discard_log()
    with stop_database_afterwards():
        users, employers, teams = map(int, sys.argv[1:4] or (5_000, 1_000, 500))
        permission_data.create_large_office(users=users, employers=employers, teams=teams)
        analyze(Path(settings.DATABASES["default"]["DATA_DIR"]))
        print(json.dumps(measure_review(Provider.objects.get())))


def measure_review(office: Any) -> dict[str, float]:
    """Return the time of one start, medians of decisions, and the number of paths and rights."""
    from reviews import campaigns, population

    campaign, by = _create_campaign(office)
    _create_rules(office)
    with connection.cursor() as cursor:
        bare_start = _time(lambda: cursor.execute(_BARE_START_SQL, {"provider": office.pk}))
    start = _time(lambda: campaigns.start_campaign(campaign, by=by))
    campaign.refresh_from_db()
    analyze(Path(settings.DATABASES["default"]["DATA_DIR"]))
    found = {"start": start, "bare_start": bare_start, **_measure_decisions(campaign)}
    size = population.count_population(campaign)
    return found | {"paths": size.paths, "rights": size.grants}


def _create_campaign(office: Any) -> tuple[Any, Any]:
    from django.utils import timezone

    from accounts.models import User
    from audit.actors import build_job_actor
    from permissions.checks import Right
    from permissions.models import IndividualRight
    from reviews import campaigns

    reviewer = User.objects.filter(provider=office).order_by("pk")[0]
    IndividualRight.objects.get_or_create(provider=office, user=reviewer, right=Right.REVIEW_ACCESS)
    by = build_job_actor("bench")
    details = campaigns.CampaignDetails("Bench", timezone.localdate())
    return campaigns.create_campaign(office, details, campaigns.Reviewers((reviewer,), {}), by=by), by


def _create_rules(office: Any) -> None:
    """Create rules of which nobody has all rights of a side, so that keeping access needs no reason."""
    from permissions.catalog import Right
    from permissions.models import DutyRule

    for number in range(RULE_COUNT):
        second = list(Right)[number]
        DutyRule.objects.create(
            provider=office, name=f"R{number}", first=sorted(set(Right) - {second}), first_all=True,
            second=[second], level=DutyRule.Level.OFFICE if number % 4 == 0 else DutyRule.Level.EMPLOYER,
            severity=DutyRule.Severity.WARN, reason="Bench",
        )  # fmt: skip


def _measure_decisions(campaign: Any) -> dict[str, float]:
    """Alternate decisions with the bare statements, each about another path."""
    from dataclasses import replace

    from audit.actors import build_job_actor
    from core.access import ReauthenticationLevel
    from reviews import decisions
    from reviews.models import Campaign, Decision, ReviewItem

    reviewer = campaign.reviewers.get().user
    by = replace(build_job_actor("bench"), user=reviewer, proof=ReauthenticationLevel.HALF_HOUR)
    items = ReviewItem.objects.decidable_by(reviewer, campaign).select_related("subject")
    times: dict[str, list[float]] = {"decision": [], "bare_decision": []}

    def change_bare(item: Any) -> None:
        with transaction.atomic():
            Campaign.objects.select_for_update().get(pk=campaign.pk)
            stored = ReviewItem.objects.get(pk=item.pk)
            stored.decision, stored.decided_by, stored.version = Decision.KEEP, reviewer.pk, 1
            stored.decided_at = campaign.started_at
            stored.save()

    for number, item in enumerate(items[: 2 * DECISION_COUNT]):
        if number % 2:
            took = _time(partial(change_bare, item))
        else:
            took = _time(partial(decisions.decide, item, Decision.KEEP, seen=0, by=by))
        times["bare_decision" if number % 2 else "decision"].append(took)
    return {name: sorted(rounds)[len(rounds) // 2] for name, rounds in times.items()}


def _time(act: Callable[[], object]) -> float:
    """Return how long `act` takes, in milliseconds."""
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
