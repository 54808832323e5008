"""Snapshot of an office recorded when its oldest events are removed, the base for later points in time."""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.models import User
from audit import past
from audit.actions import record_all
from audit.actors import Actor
from audit.models import Event, Link, Verb
from teams.models import Employer, Team
from teams.past import PastOffice, PastPerson, PastTeam

_Carried = tuple[models.Model, dict[str, list[Any]]]


def write_down(office: models.Model, removed: models.QuerySet[Link], *, by: Actor) -> None:
    """Record an event for each user, team and employer of `office`, as the events of `removed` left it."""
    left = PastOffice(office.pk, timezone.now())
    if (trimmed := past.trimmed_last(office.pk)) is not None:
        past.replay_all(left, past.carried_by(trimmed))
    past.replay_all(left, past.deciding(Event.objects.filter(pk__in=removed.values("event_id"))))
    record_all(Verb.CARRIED_OVER, _carried(office, left), by=by, provider_id=office.pk)


def _carried(office: models.Model, left: PastOffice) -> Iterator[_Carried]:
    if left.policies:
        yield office, {name: [None, value] for name, value in left.policies.items()}
    for employer in left.employers.values():
        what: dict[str, list[Any]] = {"number": [None, employer.number], "name": [None, employer.name]}
        what["products"] = [None, employer.products]
        yield Employer(pk=employer.id, number=employer.number, name=employer.name), what
    for person in left.people.values():
        names = {"initials": person.initials, "prefix": person.prefix, "last_name": person.last_name}
        yield User(pk=person.id, **names), _of_person(person)
    for id in left.unreadable:
        yield User(pk=id), {}
    for team in left.teams.values():
        yield Team(pk=team.id, name=team.name), _of_team(team, left)


def _of_person(person: PastPerson) -> dict[str, list[Any]]:
    values = {
        "initials": person.initials,
        "prefix": person.prefix,
        "last_name": person.last_name,
        "login_method": person.login_method,
        "accepted_at": person.accepted_at and person.accepted_at.isoformat(),
        "blocked": person.blocked,
        "access_until": person.access_until and person.access_until.isoformat(),
        "two_factor_required": person.two_factor_required,
        "devices": person.devices,
    }
    shown = {name: [None, value] for name, value in values.items() if value or name == "login_method"}
    return shown | {code: [None, "given"] for code in sorted(person.rights)}


def _of_team(team: PastTeam, office: PastOffice) -> dict[str, list[Any]]:
    shown: dict[str, list[Any]] = {"name": [None, team.name], "two_factor_required": [None, team.two_factor_required]}
    shown["members"] = [None, sorted(str(id) for id in team.members)]
    shown["employers"] = [None, {str(id): str(office.employers[id]) for id in sorted(team.employers)}]
    return shown | {code: [None, "given"] for code in sorted(team.rights)}
