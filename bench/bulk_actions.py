"""Measure bulk actions on 1,000 users beside the bare statements of the same result: rows, events and e-mails.

    python -m bench.bulk_actions

Prints as JSON, for each action, the seconds of the bare statements, of planning, and of executing the plan at the
worker, which plans again. The shortest of three turns counts.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

django.setup()

from accounts import emails  # noqa: E402
from accounts.models import LoginMethod, Provider, User  # noqa: E402
from audit.actions import record_many  # noqa: E402
from audit.actors import Actor, EventOrigin, build_operator  # noqa: E402
from audit.models import Verb  # noqa: E402
from bench.database import stop_database_afterwards  # noqa: E402
from core.access import ReauthenticationLevel  # noqa: E402
from imports import actions, runner  # noqa: E402
from imports.bulk_actions import BulkAction, BulkActionRequest  # noqa: E402
from imports.models import ImportJob  # noqa: E402
from permissions.catalog import Right  # noqa: E402
from permissions.models import IndividualRight, Team, TeamMember, TeamRight  # noqa: E402

USER_COUNT, TURNS = 1_000, 3


def create_office(name: str) -> tuple[User, list[User], Team]:
    """Return an administrator, the users and a team of a new office."""
    provider = Provider.objects.create(name=name, established_at=timezone.now())
    users = []
    for number in range(USER_COUNT + 1):
        user = User(
            provider=provider, login_method=LoginMethod.WEBSITE_SSO, initials="N.", last_name=f"Groen {number}",
            email=f"g{number}@{name}.example", username=f"{name} {number}",
            accepted_at=timezone.now(), password="argon2$x",
        )  # fmt: skip
        users.append(user)
    User.objects.bulk_create(users)
    administrator, *others = users
    IndividualRight.objects.create(provider=provider, user=administrator, right=Right.MANAGE_PROVIDER)
    team = Team.objects.create(provider=provider, name="Noord")
    TeamRight.objects.create(provider=provider, team=team, right=Right.VIEW_TEAMS)
    return administrator, others, team


def build_bare_statements(users: list[User], team: Team) -> dict[BulkAction, Callable[[], object]]:
    """Return the bare statements of each action, in the order in which the actions are measured."""
    rows, by, today = User.objects.filter(pk__in=[user.pk for user in users]), build_operator("bench"), timezone.now()
    provider = team.provider

    def record_all(verb: Verb, changes: Any = None) -> Any:
        record_many(verb, ((user, changes or {}) for user in users), by=by, provider_id=provider.pk)

    def send(template: str, **options: Any) -> Any:
        recipients = User.objects.select_related("provider").filter(pk__in=[user.pk for user in users])
        emails.send(template, *recipients, **options)

    def join() -> None:
        TeamMember.objects.bulk_create(TeamMember(provider=provider, team=team, user=user) for user in users)
        record_all(Verb.TEAMS_CHANGED, {"rights": [None, ["view_teams"]], "Noord": [None, "member"]})

    def leave() -> None:
        TeamMember.objects.filter(team=team, user__in=users).delete()
        record_all(Verb.TEAMS_CHANGED, {"rights": [["view_teams"], None], "Noord": ["member", None]})

    return {
        BulkAction.JOIN: join,
        BulkAction.LEAVE: leave,
        BulkAction.TWO_FACTOR: lambda: (
            rows.update(two_factor_required=True),
            record_all(Verb.USER_CHANGED, {"two_factor_required": [False, True]}),
        ),
        BulkAction.SET_END_DATE: lambda: (
            rows.update(access_until="2099-01-01"),
            record_all(Verb.USER_CHANGED, {"access_until": [None, "2099-01-01"]}),
        ),
        BulkAction.BLOCK: lambda: (
            rows.update(blocked_at=today), send("account_blocked", kind="blocked"), record_all(Verb.USER_BLOCKED),
        ),
        BulkAction.UNBLOCK: lambda: (
            rows.update(blocked_at=None),
            send("account_unblocked", kind="unblocked", requester=by),
            record_all(Verb.USER_UNBLOCKED),
        ),
    }  # fmt: skip


def measure_bare(name: str) -> dict[BulkAction, float]:
    """Return the seconds of the bare statements of each action."""
    _administrator, users, team = create_office(name)
    seconds = {}
    for action, run in build_bare_statements(users, team).items():
        started = time.perf_counter()
        with transaction.atomic():
            run()
        seconds[action] = time.perf_counter() - started
    return seconds


def measure_actions(name: str) -> dict[BulkAction, tuple[float, float]]:
    """Return the seconds of planning and of executing each action."""
    administrator, users, team = create_office(name)
    ids = [str(user.pk) for user in users]
    by = Actor(EventOrigin.PAGE, "bench", administrator, proof=ReauthenticationLevel.FIVE_MINUTES)
    seconds = {}
    for action in build_bare_statements(users, team):
        until = "2099-01-01" if action == BulkAction.SET_END_DATE else ""
        request = BulkActionRequest(action, ids, str(team.pk), until)
        started = time.perf_counter()
        job = actions.create_bulk_action(administrator, request, name=action, by=by)
        runner.run_due_jobs()
        planned = time.perf_counter()
        job.refresh_from_db()
        actions.request_execution(job, by=by)
        runner.run_due_jobs()
        seconds[action] = (planned - started, time.perf_counter() - planned)
        job.refresh_from_db()
        if job.state != ImportJob.State.DONE:
            raise SystemExit(f"{action} was not executed")
    return seconds


def measure_all() -> dict[str, dict[str, float]]:
    """Return the shortest times of each action in milliseconds."""
    bare = [measure_bare(f"bare{turn}") for turn in range(TURNS)]
    done = [measure_actions(f"ours{turn}") for turn in range(TURNS)]
    return {
        str(action): {
            "bare": 1000 * min(turn[action] for turn in bare),
            "planning": 1000 * min(turn[action][0] for turn in done),
            "executing": 1000 * min(turn[action][1] for turn in done),
        }
        for action in bare[0]
    }


def main() -> None:
    """Run the benchmark, then stop the database."""
    settings.LOKET_MESSAGES_BY_ONE_PER_HOUR = settings.LOKET_MESSAGES_PER_HOUR = 10**6
    with stop_database_afterwards():
        call_command("migrate", verbosity=0)
        print(json.dumps(measure_all()))


if __name__ == "__main__":
    main()
