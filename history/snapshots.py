"""Snapshot of an office recorded when its oldest events are removed, the base for later points in time."""

from collections.abc import Iterator

from django.db import models
from django.utils import timezone

from accounts.models import User
from audit.actions import record_many
from audit.actors import Actor
from audit.changes import Changes
from audit.models import ChainLink, Event, Verb
from history import point_in_time
from history.past_access import PastOffice, PastTeam, PastUser
from permissions.models import Employer, Team

_SnapshotItem = tuple[models.Model, Changes]


def record_snapshot(office: models.Model, removed: models.QuerySet[ChainLink], *, by: Actor) -> None:
    """Record an event for each user, team and employer of `office`, as the events of `removed` left it."""
    left = PastOffice(office.pk, timezone.now())
    if (trimmed := point_in_time.get_last_trim(office.pk)) is not None:
        point_in_time.replay_events(left, point_in_time.get_snapshot_events(trimmed))
    point_in_time.replay_events(
        left, point_in_time.filter_permission_events(Event.objects.filter(pk__in=removed.values("event_id")))
    )
    record_many(Verb.SNAPSHOT_RECORDED, _iter_snapshot_items(office, left), by=by, provider_id=office.pk)


def _iter_snapshot_items(office: models.Model, left: PastOffice) -> Iterator[_SnapshotItem]:
    if left.policies:
        yield office, {name: [None, value] for name, value in left.policies.items()}
    for employer in left.employers.values():
        names = ("number", "name", "products")
        changes: Changes = {name: [None, getattr(employer, name)] for name in names}
        yield Employer(pk=employer.id, number=employer.number, name=employer.name), changes
    for user in left.users.values():
        yield (
            User(pk=user.id, initials=user.initials, prefix=user.prefix, last_name=user.last_name),
            _get_user_changes(user),
        )
    for user_id in left.unreadable:
        yield User(pk=user_id), {}
    for team in left.teams.values():
        yield Team(pk=team.id, name=team.name), _get_team_changes(team, left)


def _get_user_changes(user: PastUser) -> Changes:
    names = ("initials", "prefix", "last_name", "login_method", "blocked", "two_factor_required", "devices")
    values = {name: getattr(user, name) for name in names} | {
        "accepted_at": user.accepted_at and user.accepted_at.isoformat(),
        "access_until": user.access_until and user.access_until.isoformat(),
    }
    shown = {name: [None, value] for name, value in values.items() if value or name == "login_method"}
    return shown | {code: [None, "given"] for code in sorted(user.rights)}


def _get_team_changes(team: PastTeam, office: PastOffice) -> Changes:
    shown: Changes = {"name": [None, team.name], "two_factor_required": [None, team.two_factor_required]}
    shown["members"] = [None, sorted(str(user_id) for user_id in team.members)]
    employers = {str(employer_id): str(office.employers[employer_id]) for employer_id in sorted(team.employers)}
    shown["employers"] = [None, employers]
    return shown | {code: [None, "given"] for code in sorted(team.rights)}
