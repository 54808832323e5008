"""The brake: an unusual wave of blocked users or removed members is held until an administrator decides.

Every function is called with the office locked, so that two requests cannot both pass below a limit.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import emails
from accounts.models import LoginMethod, User
from core.ids import build_min_uuid7
from permissions import checks
from permissions.models import ManagedBy, Team
from scim.models import AccessLoss, DirectoryConnection, DirectoryGroup, DirectoryUser

_WINDOW = timedelta(hours=1)
TRIAL_PERIOD = timedelta(minutes=2)  # in which a directory deletes again what it created for a test


def admit_blocks(connection: DirectoryConnection, rows: Sequence[DirectoryUser]) -> list[DirectoryUser]:
    """Return whom of `rows`, which are stored, the directory may block now: all, or none of an unusual wave.

    One user alone always may be blocked. A user whom the directory created moments ago is no leaver and does not count.
    """
    recent = timezone.now() - TRIAL_PERIOD
    uncounted = [row for row in rows if row.user is None or row.user.blocked_at or row.user.created_at > recent]
    passing = {row.pk for row in uncounted}
    counted = [row for row in rows if row.pk not in passing and not row.is_held]
    lost = _count_losses(AccessLoss.objects.filter(provider=connection.provider_id, team=None)) + len(counted)
    if not counted or not _is_unusual_block(connection, lost):
        _store(counted, None, AccessLoss.State.DONE)
        return uncounted + counted
    for row in counted:
        row.is_held = True
        row.save(update_fields=["is_held"])
    _hold(connection, counted, None)
    return uncounted


def admit_block(row: DirectoryUser) -> bool:
    return bool(admit_blocks(row.connection, [row]))


def _is_unusual_block(connection: DirectoryConnection, lost: int) -> bool:
    if lost == 1:
        return False
    office = User.objects.filter(provider=connection.provider_id).exclude(login_method=LoginMethod.SSO_WEBSERVICE)
    blocked = AccessLoss.objects.filter(
        provider=connection.provider_id, team=None, state=AccessLoss.State.DONE, at__gt=timezone.now() - _WINDOW
    )
    active = office.filter(Q(blocked_at=None) | Q(directory_users__losses__in=blocked)).distinct().count()
    return lost > connection.max_blocked_count or lost * 100 > connection.max_blocked_percent * active


def admit_removals(group: DirectoryGroup, rows: Sequence[DirectoryUser]) -> list[DirectoryUser]:
    """Return whom of `rows` the directory may remove from the team now: all of them, or none of an unusual wave.

    Who joined the team moments ago does not count, however often the group had them, and neither do those who stay
    members because a user added them.
    """
    team = group.team
    if team is None:
        return list(rows)
    members = team.members.filter(managed_by=ManagedBy.DIRECTORY, user__in=[row.user_id for row in rows])
    settled = members.filter(pk__lt=build_min_uuid7(timezone.now() - TRIAL_PERIOD))
    leaving = set(settled.values_list("user_id", flat=True))
    counted = [row for row in rows if row.user_id in leaving]
    losses = AccessLoss.objects.filter(provider=group.provider_id, team=team)
    lost = _count_losses(losses) + len(counted)
    gone = losses.filter(state=AccessLoss.State.DONE).exclude(row__user__in=team.members.values("user"))
    before = team.members.count() + _count_losses(gone)
    if lost <= 1 or lost * 100 <= group.connection.max_removed_percent * before:
        _store(counted, team, AccessLoss.State.DONE)
        return list(rows)
    _hold(group.connection, counted, team)
    kept = {row.pk for row in counted}
    return [row for row in rows if row.pk not in kept]


def forget(rows: Collection[DirectoryUser], team: Team | None = None) -> None:
    """End what is held of these users, because the directory does not want it any longer."""
    AccessLoss.objects.filter(row__in=rows, team=team, state=AccessLoss.State.HELD).delete()


def reconsider(row: DirectoryUser) -> None:
    """Let a block that an administrator rejected count again, because the directory decides anew."""
    row.is_held = row.losses.filter(team=None, state=AccessLoss.State.HELD).exists()


def list_held(connection: DirectoryConnection) -> QuerySet[AccessLoss]:
    rows = connection.losses.filter(state=AccessLoss.State.HELD).select_related("row__user", "team")
    return rows.order_by("team__sort_name", "row__user_name_key", "pk")


def _count_losses(losses: QuerySet[AccessLoss]) -> int:
    """Return of how many users access was lost or held within the last hour."""
    return losses.filter(at__gt=timezone.now() - _WINDOW).values("row").distinct().count()


def _store(rows: Iterable[DirectoryUser], team: Team | None, state: AccessLoss.State) -> None:
    AccessLoss.objects.bulk_create(
        [
            AccessLoss(provider_id=row.provider_id, connection_id=row.connection_id, row=row, team=team, state=state)
            for row in rows
        ],
        batch_size=1000,
    )


def _hold(connection: DirectoryConnection, rows: Sequence[DirectoryUser], team: Team | None) -> None:
    """Hold the losses, and tell the administrators, at most once an hour."""
    _store(rows, team, AccessLoss.State.HELD)
    now = timezone.now()
    if connection.warned_at is None or connection.warned_at < now - _WINDOW:
        connection.warned_at = now
        connection.save(update_fields=["warned_at"])
        administrators = checks.list_active_administrators(connection.provider)
        name, pk = connection.name, connection.pk
        emails.send("directory_held", *administrators, kind="directory_held", directory=name, connection=pk)
