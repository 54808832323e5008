"""An office in the past: its rows at a moment, and the rights of its users by the SQL of effective rights."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from core.keys import compute_search_key
from permissions.catalog import Right, rights_from_codes
from permissions.effective import InactiveReason, resolve_employer_rights, resolve_office_rights
from permissions.impact import (
    HYPOTHETICAL_GRANTS_SQL,
    HYPOTHETICAL_USERS_SQL,
    HypotheticalUser,
    build_hypothetical_parameters,
    fetch_hypothetical_grants,
)


@dataclass
class PastUser:
    """The name of a user in the past, and everything that decided their rights."""

    id: UUID
    login_method: str = ""
    accepted_at: datetime | None = None
    blocked: bool = False
    access_until: date | None = None
    two_factor_required: bool = False
    devices: int = 0  # number of second factors; named as the field of events
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
        return compute_search_key(f"{self.last_name} {self.prefix} {self.initials}"), self.id


@dataclass
class PastTeam:
    id: UUID
    name: str = ""
    two_factor_required: bool = False
    members: set[UUID] = field(default_factory=set)
    employers: set[UUID] = field(default_factory=set)
    rights: set[str] = field(default_factory=set)

    @property
    def sort_key(self) -> tuple[str, UUID]:
        return compute_search_key(self.name), self.id


@dataclass
class PastEmployer:
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
    users: dict[UUID, PastUser] = field(default_factory=dict)
    teams: dict[UUID, PastTeam] = field(default_factory=dict)
    employers: dict[UUID, PastEmployer] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=dict)  # fields of Provider: two-factor, closed_at
    unreadable: set[UUID] = field(default_factory=set)  # users whose events can no longer be decrypted

    def teams_of(self, person: UUID) -> list[PastTeam]:
        """Return the teams of `person`, sorted by name."""
        return sorted((team for team in self.teams.values() if person in team.members), key=lambda team: team.sort_key)


class PastAccess(NamedTuple):
    """The rights of a user at the office and at each employer, inactive ones included, and why they were inactive."""

    inactive_reason: InactiveReason | None
    office: frozenset[Right]
    at_employers: Mapping[UUID, frozenset[Right]]  # only employers with at least one right


# CTEs also for the tables of teams and policies, so that nothing is read from the current tables.
_PAST_TABLES_SQL = """, accounts_provider AS (
    SELECT %(provider)s::uuid AS id, (policies ->> 'two_factor_managers')::bool AS two_factor_managers,
        (policies ->> 'two_factor_from')::date AS two_factor_from,
        (policies ->> 'two_factor_days')::smallint AS two_factor_days,
        (policies ->> 'two_factor_days_since')::date AS two_factor_days_since,
        (policies ->> 'closed_at')::timestamptz AS suspended_at
    FROM (SELECT %(policies)s::jsonb AS policies) one
), permissions_team AS (
    SELECT %(provider)s::uuid AS provider_id, id, two_factor_required
    FROM jsonb_to_recordset(%(groups)s::jsonb) AS one (id uuid, two_factor_required bool)
), permissions_teamright AS (
    SELECT %(provider)s::uuid AS provider_id, id AS team_id, code AS "right"
    FROM jsonb_to_recordset(%(groups)s::jsonb) AS one (id uuid, rights text[]), unnest(rights) code
), permissions_teamemployer AS (
    SELECT %(provider)s::uuid AS provider_id, id AS team_id, employer_id
    FROM jsonb_to_recordset(%(groups)s::jsonb) AS one (id uuid, employers uuid[]), unnest(employers) employer_id
)
"""
_PAST_SQL = HYPOTHETICAL_USERS_SQL + _PAST_TABLES_SQL + HYPOTHETICAL_GRANTS_SQL


def compute_past_access(office: PastOffice, ids: Collection[UUID]) -> dict[UUID, PastAccess]:
    """Return the rights of each of these users at that moment. Two queries, which read no tables."""
    wanted = [user_id for user_id in ids if user_id in office.users]
    found = fetch_hypothetical_grants(_PAST_SQL, _build_parameters(office, wanted))
    return {
        user_id: PastAccess(
            found[user_id].inactive_reason,
            resolve_office_rights(found[user_id].codes),
            {
                employer_id: rights
                for employer_id, codes in found[user_id].codes_by_employer.items()
                if (rights := resolve_employer_rights(codes, office.employers[employer_id].products))
            },
        )
        for user_id in wanted
    }


def _build_parameters(office: PastOffice, ids: Collection[UUID]) -> dict[str, Any]:
    teams = {user_id: frozenset(team.id for team in office.teams_of(user_id)) for user_id in ids}
    people = [_build_hypothetical_user(office.users[user_id], teams[user_id]) for user_id in ids]
    used = frozenset().union(*teams.values())
    groups = [
        {"id": str(team.id), "two_factor_required": team.two_factor_required, "rights": sorted(team.rights)}
        | {"employers": [str(employer_id) for employer_id in team.employers]}
        for team in (office.teams[team_id] for team_id in used)
    ]
    return build_hypothetical_parameters(office.id, list(ids), people) | {
        "today": timezone.localdate(office.moment),
        "policies": json.dumps(office.policies),
        "groups": json.dumps(groups),
    }


def _build_hypothetical_user(person: PastUser, teams: frozenset[UUID]) -> HypotheticalUser:
    return HypotheticalUser(
        login_method=person.login_method,
        accepted_on=timezone.localdate(person.accepted_at) if person.accepted_at else None,
        blocked=person.blocked,
        access_until=person.access_until,
        two_factor_required=person.two_factor_required,
        has_factor=person.devices > 0,
        teams=teams,
        individual=rights_from_codes(person.rights),
    )
