"""Measure the preview of a two-factor policy in the office of `bench.office_data`; print the figures as JSON.

The preview, with its counts, lists and fingerprint, alternates with the bare count of the users who must set it up.
"""

import json
import time
from datetime import timedelta

import django
from django.db.models import F, Q
from django.utils import timezone

from bench.database import stop_database_afterwards

ROUND_COUNT = 7


def main() -> None:
    """Run the benchmark, then stop the database."""
    django.setup()
    from accounts.models import User
    from authentication.mfa import annotate_factor_due, factor_due_under_policy, office_policy

    with stop_database_afterwards():
        office = User.objects.get(username_key="user0").office
        policy = office_policy.MfaPolicy(True, timezone.localdate() + timedelta(days=9), None)
        users = User.objects.filter(provider=office, login_method="website_sso", blocked_at=None, second_factor_at=None)
        annotated = annotate_factor_due(users).annotate(new_due=factor_due_under_policy(policy.values))
        required = annotated.filter(Q(factor_due=None) | Q(factor_due__gt=F("new_due")), new_due__isnull=False)
        previews, counts = [], []
        for _round in range(ROUND_COUNT):
            started = time.perf_counter()
            impact = office_policy.compute_impact(office, policy)
            counted_at = time.perf_counter()
            if required.count() != impact.newly_required_count + impact.invited_count:
                raise SystemExit("the preview counts other users")
            counts.append((time.perf_counter() - counted_at) * 1000)
            previews.append((counted_at - started) * 1000)
        median = ROUND_COUNT // 2
        print(json.dumps({"preview": sorted(previews)[median], "bare": sorted(counts)[median]}))


if __name__ == "__main__":
    main()
