"""Since when users conflict with rules about duties, from the history."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from itertools import chain
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.models import Event, Verb
from history import replay
from history.past_access import PastOffice
from history.point_in_time import get_last_trim, get_snapshot_events, read_events
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, OFFICE_ADMIN_RIGHTS, Right, rights_from_codes
from permissions.models import DutyRule

MAX_EVENTS = 20_000  # each view of the page reads them all
# What a conflict consists of. Products of employers, blocking and factors change nothing about it.
_VERBS = (
    Verb.USER_CREATED, Verb.USER_ERASED, Verb.RIGHTS_CHANGED, Verb.TEAM_CREATED, Verb.TEAM_CHANGED, Verb.TEAM_DELETED,
)  # fmt: skip


def find_conflict_starts(
    provider_id: UUID, rules: Collection[DutyRule], users: Collection[UUID]
) -> dict[tuple[UUID, UUID], datetime]:
    """Return since when each user conflicts with each rule, at any employer and without interruption.

    Conflicts that are older than the kept history start with it. Nothing if there are more than `MAX_EVENTS` events
    about these users and the teams of the office. Seven queries at most, and one pass over the events.
    """
    office, wanted = PastOffice(provider_id, timezone.now()), set(users)
    starts: dict[tuple[UUID, UUID], datetime] = {}
    sources = _list_sources(provider_id, wanted)
    if sum(source.order_by()[: MAX_EVENTS + 1].count() for source in sources) > MAX_EVENTS:
        return {}
    for event in chain.from_iterable(map(read_events, sources)):
        affected = _find_affected(office, event, wanted)
        replay.apply_event(office, event)
        for user_id in affected | _find_affected(office, event, wanted):
            conflicting = _find_rules(office, user_id, rules)
            for rule in rules:
                if rule.pk not in conflicting:
                    starts.pop((rule.pk, user_id), None)
                else:
                    starts.setdefault((rule.pk, user_id), event.at)
    return starts


def _list_sources(provider_id: UUID, users: set[UUID]) -> list[QuerySet[Event]]:
    """Return the events about these users and all teams: the snapshot of those that were removed, and the others."""
    condition = Q(target_kind="team") | Q(target_kind="user", target_id__in=users)
    trimmed = get_last_trim(provider_id)
    snapshot = [] if trimmed is None else [get_snapshot_events(trimmed).filter(condition)]
    return [*snapshot, Event.objects.filter(condition, provider_id=provider_id, verb__in=_VERBS)]


def _find_affected(office: PastOffice, event: Event, wanted: set[UUID]) -> set[UUID]:
    if event.target_id in wanted:
        return {event.target_id}
    team = office.teams.get(event.target_id) if event.target_id and event.target_kind == "team" else None
    return team.members & wanted if team else set()


def _find_rules(office: PastOffice, user_id: UUID, rules: Collection[DutyRule]) -> set[UUID]:
    """Return the rules with which the user conflicts; the same answer as `permissions.duties.find_conflicts`."""
    if user_id not in office.users:
        return set()
    individual = rights_from_codes(office.users[user_id].rights)
    at_employer: dict[UUID, frozenset[Right]] = defaultdict(frozenset)
    anywhere = individual
    for team in (team for team in office.teams.values() if user_id in team.members):
        rights = rights_from_codes(team.rights)
        anywhere |= rights
        for employer_id in team.employers:
            at_employer[employer_id] |= rights
    if Right.MANAGE_PROVIDER in anywhere:
        anywhere |= OFFICE_ADMIN_RIGHTS
    always = anywhere - EMPLOYER_LEVEL_RIGHTS | individual
    held_there = {rights & EMPLOYER_LEVEL_RIGHTS | always for rights in at_employer.values()}
    return {
        rule.pk
        for rule in rules
        if _holds_both(rule, anywhere)
        and (rule.level == DutyRule.Level.OFFICE or any(_holds_both(rule, held) for held in held_there))
    }


def _holds_both(rule: DutyRule, held: frozenset[Right]) -> bool:
    sides = zip(rule.sides, (rule.first_all, rule.second_all), strict=True)
    return all(bool(side) and (side <= held if needs_all else not side.isdisjoint(held)) for side, needs_all in sides)
