"""Presentation of who could do what at a point in time."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import LoginMethod
from core.paging import ListPage, paginate_list
from history.past_access import PastAccess, PastEmployer, PastOffice, PastTeam, PastUser, compute_past_access
from permissions.catalog import Right, sort_rights
from permissions.effective import InactiveReason, resolve_employer_rights, resolve_office_rights


class PastUserRow(NamedTuple):
    """A user of the office, with their rights, or why these were inactive."""

    id: UUID
    user: PastUser
    kind: str
    inactive_reason: InactiveReason | None
    rights: list[Right]
    employers: int


class PastGrantSource(NamedTuple):
    """What granted rights: a team, or individual rights (None)."""

    team: PastTeam | None
    rights: list[Right]


class PastAccessRow(NamedTuple):
    """Where a user had rights, an employer or (None) the office, and what granted them."""

    id: UUID
    employer: PastEmployer | None
    sources: list[PastGrantSource]


def present_office(office: PastOffice, cursor: str) -> ListPage[PastUserRow]:
    """Return a page of the office's users by name, with their rights."""
    part = paginate_list(sorted(office.users.values(), key=lambda user: user.sort_key), cursor=cursor)
    return part.replace_rows(_build_user_rows(office, part.rows))


def _build_user_rows(
    office: PastOffice, users: list[PastUser], employer: PastEmployer | None = None
) -> list[PastUserRow]:
    """Return the rows of `users` with their rights at `employer`, or else at the office."""
    access = compute_past_access(office, [user.id for user in users])
    return [
        PastUserRow(
            id=user.id,
            user=user,
            kind=str(LoginMethod(user.login_method).label),
            inactive_reason=access[user.id].inactive_reason,
            rights=sort_rights(
                access[user.id].at_employers.get(employer.id, frozenset()) if employer else access[user.id].office
            ),
            employers=len(access[user.id].at_employers),
        )
        for user in users
    ]


def present_user(office: PastOffice, user: PastUser, cursor: str) -> dict[str, Any]:
    """Return the rights of a user and where they applied, regardless of inactivity, and the reason for that."""
    standing = compute_past_access(office, [user.id])[user.id]
    part = paginate_list(list(_iter_access_rows(office, user, standing)), cursor=cursor)
    return {"part": part, "standing": standing, "rights": sort_rights(standing.office)}


def _iter_access_rows(office: PastOffice, user: PastUser, standing: PastAccess) -> Iterator[PastAccessRow]:
    teams = office.teams_of(user.id)
    if standing.office:
        sources = [PastGrantSource(team, sort_rights(resolve_office_rights(team.rights))) for team in teams]
        yield _build_access_row(
            office.id, None, [*sources, PastGrantSource(None, sort_rights(resolve_office_rights(user.rights)))]
        )
    employers = [office.employers[employer_id] for employer_id in standing.at_employers]
    for employer in sorted(employers, key=lambda employer: employer.number):
        there = [team for team in teams if employer.id in team.employers]
        sources = [
            PastGrantSource(team, sort_rights(resolve_employer_rights(team.rights, employer.products)))
            for team in there
        ]
        own = PastGrantSource(None, sort_rights(resolve_employer_rights(user.rights, employer.products)))
        yield _build_access_row(employer.id, employer, [*sources, own])


def _build_access_row(place_id: UUID, employer: PastEmployer | None, sources: list[PastGrantSource]) -> PastAccessRow:
    return PastAccessRow(place_id, employer, [source for source in sources if source.rights])


def present_team(office: PastOffice, team: PastTeam, members: str, employers: str) -> dict[str, Any]:
    """Return the rights of a team, its employers and its members; the lists at these cursors."""
    users = [office.users[user_id] for user_id in team.members if user_id in office.users]
    part = paginate_list(sorted(users, key=lambda user: user.sort_key), cursor=members)
    places = sorted(
        (office.employers[employer_id] for employer_id in team.employers), key=lambda employer: employer.number
    )
    return {
        "part": part.replace_rows(_build_user_rows(office, part.rows)),
        "places": paginate_list(places, cursor=employers),
        "rights": sort_rights(team.rights),
        "members_count": len(users),
        "places_count": len(places),
    }


def present_employer(office: PastOffice, employer: PastEmployer, cursor: str) -> dict[str, Any]:
    """Return the teams of an employer, and a page of their members with their rights there."""
    teams = sorted(
        (team for team in office.teams.values() if employer.id in team.employers), key=lambda team: team.sort_key
    )
    members = set[UUID]().union(*(team.members for team in teams)) & office.users.keys()
    users = sorted((office.users[user_id] for user_id in members), key=lambda user: user.sort_key)
    part = paginate_list(users, cursor=cursor)
    rows = _build_user_rows(office, part.rows, employer)
    return {"part": part.replace_rows(rows), "teams": teams, "members_count": len(users)}
