"""What a confirmed plan announced, and what became of each step: compared with what is, user by user."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from permissions.models import ManagedBy, Team, TeamMember
from scim.models import AnnouncedStep, DirectoryConnection, DirectoryGroupMember, DirectoryUser, ShadowStep
from scim.plans import MAX_NAMES, ShadowPlan, find_step

_OPEN = (AnnouncedStep.Outcome.PENDING, AnnouncedStep.Outcome.REFUSED)


class StepReport(NamedTuple):
    """How many steps of one kind, or into one team, were announced, and what became of them."""

    step: str
    announced: int
    done: int
    pending: int
    refused: int
    dropped: int


def announce(plan: ShadowPlan) -> None:
    """Store the steps of a confirmed plan; the worker takes those of users."""
    provider_id, connection = plan.connection.provider_id, plan.connection
    rows = DirectoryUser.objects.filter(provider=provider_id, connection=connection)
    rows.update(pending=False, refusal="")
    connection.announced_steps.all().delete()
    found: list[tuple[ShadowStep, DirectoryUser, Team | None]] = [
        (step, row, None) for step, changing in plan.steps.items() for row in changing
    ]
    found += [(ShadowStep.JOIN, row, group.team) for group, joining in plan.joining for row in joining]
    AnnouncedStep.objects.bulk_create(
        [
            AnnouncedStep(provider_id=provider_id, connection=connection, row=row, team=team, step=step)
            for step, row, team in found
        ],
        batch_size=1000,
    )
    due = [row.pk for step, changing in plan.steps.items() if step is not ShadowStep.WAIT for row in changing]
    rows.filter(pk__in=due).update(pending=True)


@dataclass(frozen=True)
class _Facts:
    """Memberships of teams through the directory, and of groups with the reason why a user is not in the team."""

    members: frozenset[tuple[UUID, UUID]]
    refusals: dict[tuple[UUID, UUID], str]


def settle(steps: QuerySet[AnnouncedStep]) -> None:
    """Store what became of steps. One query if all are settled, else at most four."""
    changed = []
    for announced, outcome in _judge_open(steps):
        if outcome != announced.outcome:
            announced.outcome = outcome
            changed.append(announced)
    AnnouncedStep.objects.bulk_update(changed, ["outcome"], batch_size=1000)


def _judge_open(steps: QuerySet[AnnouncedStep]) -> Iterator[tuple[AnnouncedStep, AnnouncedStep.Outcome]]:
    """Yield the steps whose outcome may have changed, with what it is now."""
    found = list(steps.filter(outcome__in=_OPEN).select_related("row__user", "row__connection", "team"))
    joins = [one for one in found if one.team_id is not None]
    facts = _gather_facts(joins) if joins else _Facts(frozenset(), {})
    for announced in found:
        yield announced, _judge(announced, facts)


def _gather_facts(joins: Iterable[AnnouncedStep]) -> _Facts:
    teams, rows = {one.team_id for one in joins}, {one.row_id for one in joins}
    members = TeamMember.objects.filter(team__in=teams, user__directory_users__in=rows)
    in_groups = DirectoryGroupMember.objects.filter(group__team__in=teams, row__in=rows)
    return _Facts(
        frozenset(members.exclude(managed_by=ManagedBy.MANUAL).values_list("team_id", "user_id")),
        {(team, row): refusal for team, row, refusal in in_groups.values_list("group__team_id", "row_id", "refusal")},
    )


def _judge(announced: AnnouncedStep, facts: _Facts) -> AnnouncedStep.Outcome:
    outcomes, row = AnnouncedStep.Outcome, announced.row
    if row is None:
        return outcomes.DROPPED
    if announced.step == ShadowStep.JOIN:
        is_done, is_wanted, refusal = _judge_join(announced, row, facts)
    else:
        is_done, is_wanted, refusal = _judge_user(ShadowStep(announced.step), row)
    if is_done:
        return outcomes.DONE
    if not is_wanted:
        return outcomes.DROPPED
    return outcomes.REFUSED if refusal and not row.pending else outcomes.PENDING


def _judge_join(announced: AnnouncedStep, row: DirectoryUser, facts: _Facts) -> tuple[bool, bool, str]:
    if announced.team_id is None or row.ended_at is not None:
        return False, False, ""
    is_done = row.user_id is not None and (announced.team_id, row.user_id) in facts.members
    refusal = facts.refusals.get((announced.team_id, row.pk))
    return is_done, refusal is not None and (row.user_id is not None or row.active), refusal or row.refusal


def _judge_user(step: ShadowStep, row: DirectoryUser) -> tuple[bool, bool, str]:
    """Return whether the step is done, whether the directory still wants it, and why it was refused."""
    if step is ShadowStep.BLOCK:
        is_done = row.user is not None and row.user.blocked_at is not None
        return is_done, not row.active, row.refusal
    if step is ShadowStep.CHANGE:
        return row.active and find_step(row) is None, row.active, row.refusal
    return row.user is not None, row.active and row.ended_at is None, row.refusal


def report_steps(connection: DirectoryConnection) -> list[StepReport]:
    """Return what was announced and what happened, and nothing before going live. At most four queries."""
    if connection.went_live_at is None:
        return []
    steps = connection.announced_steps.all()
    settled = steps.exclude(outcome__in=_OPEN).values_list("step", "team__name", "outcome").annotate(Count("pk"))
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for step, team, outcome, count in settled.order_by():
        counts.setdefault((step, team or ""), {})[outcome] = count
    for announced, outcome in _judge_open(steps):
        found = counts.setdefault((announced.step, announced.team.name if announced.team else ""), {})
        found[outcome] = found.get(outcome, 0) + 1
    order = list(ShadowStep.values)
    return [
        _build_report(step, team, counts[step, team])
        for step, team in sorted(counts, key=lambda key: (order.index(key[0]), key[1]))
    ]


def _build_report(step: str, team: str, counts: dict[str, int]) -> StepReport:
    label = _("Join team %(team)s") % {"team": team} if team else str(ShadowStep(step).label)
    outcomes = AnnouncedStep.Outcome
    return StepReport(
        label,
        announced=sum(counts.values()),
        done=counts.get(outcomes.DONE, 0),
        pending=counts.get(outcomes.PENDING, 0),
        refused=counts.get(outcomes.REFUSED, 0),
        dropped=counts.get(outcomes.DROPPED, 0),
    )


def list_refused(connection: DirectoryConnection) -> Iterable[DirectoryUser]:
    rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection).exclude(refusal="")
    return rows.select_related("user").order_by("user_name_key", "pk")[:MAX_NAMES]
