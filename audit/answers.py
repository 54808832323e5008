"""Presentation of who could do what at a point in time."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import LoginMethod
from loket.paging import Part, part_of
from teams.catalogue import Right, ordered
from teams.evaluator import Resting, at_employer, at_office
from teams.past import PastEmployer, PastOffice, PastPerson, PastTeam, Standing, standings


class PersonRow(NamedTuple):
    """A user of the office, with their rights, or why these were inactive."""

    id: UUID
    person: PastPerson
    kind: str
    resting: Resting | None
    rights: list[Right]
    employers: int


class Source(NamedTuple):
    """What granted rights: a team, or individual rights (None)."""

    team: PastTeam | None
    rights: list[Right]


class PlaceRow(NamedTuple):
    """Where a user had rights, an employer or (None) the office, and what granted them."""

    id: UUID
    employer: PastEmployer | None
    sources: list[Source]


def of_office(office: PastOffice, cursor: str) -> Part[PersonRow]:
    """Return a page of the office's users by name, with their rights."""
    people = sorted(office.people.values(), key=lambda person: person.sort_key)
    part = part_of(people, cursor=cursor)
    return part.having(_people(office, part.rows))


def _people(office: PastOffice, people: list[PastPerson]) -> list[PersonRow]:
    found = standings(office, [person.id for person in people])
    return [
        PersonRow(
            id=person.id,
            person=person,
            kind=str(LoginMethod(person.login_method).label),
            resting=found[person.id].resting,
            rights=ordered(found[person.id].office),
            employers=len(found[person.id].at_employers),
        )
        for person in people
    ]


def of_person(office: PastOffice, person: PastPerson, cursor: str) -> dict[str, Any]:
    """Return the rights of a user and where they applied, regardless of inactivity, and the reason for that."""
    standing = standings(office, [person.id])[person.id]
    part = part_of(list(_places(office, person, standing)), cursor=cursor)
    return {"part": part, "standing": standing, "rights": ordered(standing.office)}


def _places(office: PastOffice, person: PastPerson, standing: Standing) -> Iterator[PlaceRow]:
    teams = office.teams_of(person.id)
    if standing.office:
        sources = [Source(team, ordered(at_office(team.rights))) for team in teams]
        yield _place(office.id, None, [*sources, Source(None, ordered(at_office(person.rights)))])
    employers = [office.employers[id] for id in standing.at_employers]
    for employer in sorted(employers, key=lambda employer: employer.number):
        there = [team for team in teams if employer.id in team.employers]
        sources = [Source(team, ordered(at_employer(team.rights, employer.products))) for team in there]
        own = Source(None, ordered(at_employer(person.rights, employer.products)))
        yield _place(employer.id, employer, [*sources, own])


def _place(id: UUID, employer: PastEmployer | None, sources: list[Source]) -> PlaceRow:
    return PlaceRow(id, employer, [source for source in sources if source.rights])


def of_team(office: PastOffice, team: PastTeam, members: str, employers: str) -> dict[str, Any]:
    """Return the rights of a team, its employers and its members; the lists at these cursors."""
    people = [office.people[id] for id in team.members if id in office.people]
    part = part_of(sorted(people, key=lambda person: person.sort_key), cursor=members)
    places = sorted((office.employers[id] for id in team.employers), key=lambda employer: employer.number)
    return {
        "part": part.having(_people(office, part.rows)),
        "places": part_of(places, cursor=employers),
        "rights": ordered(team.rights),
        "members_count": len(people),
        "places_count": len(places),
    }
