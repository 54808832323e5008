"""What the brake holds of a directory, and the decision of an administrator about it."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actions import record
from audit.actors import Actor, action, build_directory_actor
from audit.models import Verb
from core.access import ReauthenticationLevel
from permissions.checks import LastAdministrator
from permissions.models import Team
from scim import memberships
from scim.actions import lock_connection, require_able_owner
from scim.brake import list_held
from scim.directory_users import forget_lost_groups
from scim.models import AccessLoss, DirectoryConnection, DirectoryUser


@action(ReauthenticationLevel.HALF_HOUR)
def release_held(connection: DirectoryConnection, *, newest: UUID, by: Actor) -> int:
    """Do what is held up to `newest`, the newest that the actor saw, and return of how many; the worker blocks.

    What the owner may not do to a team stays held. Raises PermissionDenied if that is all, or the connection is off,
    LastAdministrator in the same way, EditConflict.
    """
    connection, owner, losses = _lock_held(connection, newest, by)
    if not connection.answers_calls:
        raise PermissionDenied(_("The connection is turned off. Turn it on first."))
    actor = build_directory_actor(owner, connection.name)
    refused, error = [], None
    for team, members in _group_by_team(losses):
        try:
            with transaction.atomic():
                memberships.remove_members(team, [loss.row.user for loss in members if loss.row.user], actor)
        except (PermissionDenied, LastAdministrator) as refusal:
            refused.append(team)
            error = refusal
    losses = losses.exclude(team__in=refused)
    if error is not None and not losses.exists():
        raise error
    blocked = DirectoryUser.objects.filter(provider=connection.provider_id, losses__in=losses.filter(team=None))
    DirectoryUser.objects.filter(pk__in=list(blocked.values_list("pk", flat=True))).update(is_held=False, pending=True)
    return _finish(connection, losses, Verb.DIRECTORY_WAVE_RELEASED, by)


@action(ReauthenticationLevel.HALF_HOUR)
def reject_held(connection: DirectoryConnection, *, newest: UUID, by: Actor) -> int:
    """Drop what is held up to `newest`, and return of how many.

    The users keep their access until the directory opens them and blocks them again, and their teams by hand: those
    whose removal was held, and all teams of those whom the directory deleted.
    Raises PermissionDenied, EditConflict.
    """
    connection, _owner, losses = _lock_held(connection, newest, by)
    for team, members in _group_by_team(losses):
        users = [loss.row.user_id for loss in members]
        memberships.leave_to_office(team.members.filter(user__in=users))
    memberships.let_go([loss.row for loss in losses if loss.team is None and loss.row.ended_at is not None])
    count = _finish(connection, losses, Verb.DIRECTORY_WAVE_REJECTED, by)
    forget_lost_groups(connection)
    return count


def _lock_held(
    connection: DirectoryConnection, newest: UUID, by: Actor
) -> tuple[DirectoryConnection, User, QuerySet[AccessLoss]]:
    connection = lock_connection(connection, by)
    owner = require_able_owner(connection, by)
    return connection, owner, list_held(connection).filter(pk__lte=newest)


def _group_by_team(losses: QuerySet[AccessLoss]) -> list[tuple[Team, list[AccessLoss]]]:
    found: dict[Team, list[AccessLoss]] = {}
    for loss in losses:
        if loss.team is not None:
            found.setdefault(loss.team, []).append(loss)
    return list(found.items())


def _finish(connection: DirectoryConnection, losses: QuerySet[AccessLoss], verb: Verb, by: Actor) -> int:
    count = AccessLoss.objects.filter(pk__in=list(losses.values_list("pk", flat=True))).delete()[0]
    if count:
        changes = {"directory_losses": [None, count]}
        record(verb, connection, by=by, provider_id=connection.provider_id, changes=changes)
    return count
