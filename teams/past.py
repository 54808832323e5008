"""An office in the past: its rows at a moment, and the rights of its users by the SQL of the evaluator."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from loket.text import fold
from teams import roads
from teams.catalogue import Right, known
from teams.evaluator import Resting, at_employer, at_office
from teams.resting import RESTS
from teams.whatif import SUPPOSED, Supposed, parameters


@dataclass
class PastPerson:
    """The name of a user in the past, and everything that decided their rights."""

    id: UUID
    login_method: str = ""
    accepted_at: datetime | None = None
    blocked: bool = False
    access_until: date | None = None
    two_factor_required: bool = False
    devices: int = 0  # number of second factors
    initials: str = ""
    prefix: str = ""
    last_name: str = ""
    rights: set[str] = field(default_factory=set)

    @property
    def full_name(self) -> str:
        """The name as used in a sentence."""
        return " ".join(part for part in (self.initials, self.prefix, self.last_name) if part)

    @property
    def list_name(self) -> str:
        """The name as used in a list."""
        return ", ".join(
            part for part in (self.last_name, " ".join(filter(None, (self.initials, self.prefix)))) if part
        )

    @property
    def sort_key(self) -> tuple[str, UUID]:
        return fold(f"{self.last_name} {self.prefix} {self.initials}"), self.id


@dataclass
class PastTeam:
    """A team in the past."""

    id: UUID
    name: str = ""
    two_factor_required: bool = False
    members: set[UUID] = field(default_factory=set)
    employers: set[UUID] = field(default_factory=set)
    rights: set[str] = field(default_factory=set)

    @property
    def sort_key(self) -> tuple[str, UUID]:
        return fold(self.name), self.id


@dataclass
class PastEmployer:
    """An employer in the past."""

    id: UUID
    number: int = 0
    name: str = ""
    products: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


@dataclass
class PastOffice:
    """Everything about an office that decided the rights of its users at a moment."""

    id: UUID
    moment: datetime
    people: dict[UUID, PastPerson] = field(default_factory=dict)
    teams: dict[UUID, PastTeam] = field(default_factory=dict)
    employers: dict[UUID, PastEmployer] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=dict)  # fields of Provider: two-factor, closed_at
    unreadable: set[UUID] = field(default_factory=set)  # users whose events can no longer be decrypted

    def teams_of(self, person: UUID) -> list[PastTeam]:
        """Return the teams of `person`, sorted by name."""
        return sorted((team for team in self.teams.values() if person in team.members), key=lambda team: team.sort_key)

    def reach(self, person: UUID) -> set[UUID]:
        """Return the ids of the employers of the teams of `person`."""
        return {employer for team in self.teams_of(person) for employer in team.employers}


class Standing(NamedTuple):
    """The rights of a user at the office and at each employer, inactive ones included, and why they were inactive."""

    resting: Resting | None
    office: frozenset[Right]
    at_employers: Mapping[UUID, frozenset[Right]]  # only employers with at least one right


# CTEs also for the tables of teams and policies, so that nothing is read from the current tables.
_TABLES = """, accounts_provider AS (
    SELECT %(provider)s::uuid AS id, (policies ->> 'two_factor_managers')::bool AS two_factor_managers,
        (policies ->> 'two_factor_from')::date AS two_factor_from,
        (policies ->> 'two_factor_days')::smallint AS two_factor_days,
        (policies ->> 'two_factor_days_since')::date AS two_factor_days_since,
        (policies ->> 'closed_at')::timestamptz AS closed_at
    FROM (SELECT %(policies)s::jsonb AS policies) one
), teams_team AS (
    SELECT %(provider)s::uuid AS provider_id, id, two_factor_required
    FROM jsonb_to_recordset(%(groups)s::jsonb) AS one (id uuid, two_factor_required bool)
), teams_teamright AS (
    SELECT %(provider)s::uuid AS provider_id, id AS team_id, code AS "right"
    FROM jsonb_to_recordset(%(groups)s::jsonb) AS one (id uuid, rights text[]), unnest(rights) code
), teams_teamemployer AS (
    SELECT %(provider)s::uuid AS provider_id, id AS team_id, employer_id
    FROM jsonb_to_recordset(%(groups)s::jsonb) AS one (id uuid, employers uuid[]), unnest(employers) employer_id
)
"""
_PAST = SUPPOSED + _TABLES


def standings(office: PastOffice, ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Return the rights of each of these users at that moment. Three queries, which read no tables."""
    wanted = [id for id in ids if id in office.people]
    named = _named(office, wanted)
    rests: dict[UUID, Any] = dict(roads.fetch(f"{_PAST} SELECT id, {RESTS} FROM accounts_user", **named))  # noqa: S608
    own: dict[UUID, set[str]] = defaultdict(set)
    for user_id, code in roads.fetch(f"{_PAST} SELECT DISTINCT user_id, code FROM ({roads.in_office()}) road", **named):  # noqa: S608
        own[user_id].add(code)
    places: dict[UUID, dict[UUID, frozenset[Right]]] = defaultdict(dict)
    for user_id, employer_id, codes in roads.fetch(
        f"{_PAST} SELECT user_id, employer_id, array_agg(DISTINCT code) FROM ({roads.at_employers()}) road"  # noqa: S608
        " GROUP BY user_id, employer_id",
        **named,
    ):
        if works := at_employer(codes, office.employers[employer_id].products):
            places[user_id][employer_id] = works
    return {id: Standing(Resting(rests[id]) if rests[id] else None, at_office(own[id]), places[id]) for id in wanted}


def _named(office: PastOffice, ids: Collection[UUID]) -> dict[str, Any]:
    teams = {id: frozenset(team.id for team in office.teams_of(id)) for id in ids}
    people = [_supposed(office.people[id], teams[id]) for id in ids]
    used = frozenset().union(*teams.values())
    groups = [
        {"id": str(team.id), "two_factor_required": team.two_factor_required, "rights": sorted(team.rights)}
        | {"employers": [str(id) for id in team.employers]}
        for team in (office.teams[id] for id in used)
    ]
    return parameters(office.id, list(ids), people) | {
        "today": timezone.localdate(office.moment),
        "policies": json.dumps(office.policies),
        "groups": json.dumps(groups),
    }


def _supposed(person: PastPerson, teams: frozenset[UUID]) -> Supposed:
    return Supposed(
        login_method=person.login_method,
        accepted_on=timezone.localdate(person.accepted_at) if person.accepted_at else None,
        blocked=person.blocked,
        access_until=person.access_until,
        two_factor_required=person.two_factor_required,
        has_factor=person.devices > 0,
        teams=teams,
        individual=known(person.rights),
    )
