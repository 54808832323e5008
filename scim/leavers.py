"""The accounts of whom groups that block lose, and have again."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation

from audit.actors import Actor
from scim import account_changes, brake
from scim.account_changes import has_other_object_id, store_refusals
from scim.directory_users import apply_if_admitted
from scim.models import STAYING, DirectoryGroup, DirectoryGroupMember, DirectoryUser
from scim.plans import find_step
from scim.refusals import try_all


def list_lost(group: DirectoryGroup, rows: Collection[DirectoryUser]) -> list[DirectoryUser]:
    """Return whom no group that blocks has any longer."""
    others = DirectoryGroupMember.objects.filter(group__blocks_removed=True, row__in=rows).exclude(group=group)
    kept = set(others.exclude(refusal__in=STAYING).values_list("row", flat=True))
    lost = [row for row in rows if row.pk not in kept and row.ended_at is None]
    return [row for row in lost if not row.is_out or row.lacks_block]


def block_accounts(group: DirectoryGroup, rows: Collection[DirectoryUser], by: Actor) -> dict[UUID, Exception]:
    leavers = [row for row in rows if row.user and row.attributes.get("active")]
    admitted = leavers if group.connection.is_shadow else brake.admit_blocks(group.connection, leavers)
    owner = [row for row in admitted if by.user is not None and row.user_id == by.user.pk]
    others = [row for row in admitted if row not in owner]
    refused = try_all(others, lambda part: account_changes.block_accounts(part, by))
    refused += try_all(owner, lambda part: account_changes.block_accounts(part, by))
    store_refusals(refused)
    return {row.pk: error for row, error in refused}


def set_out(rows: Collection[DirectoryUser], *, is_out: bool) -> None:
    """Store whether the groups that block whom they lose have lost these users."""
    stored = DirectoryUser.objects.filter(pk__in=[row.pk for row in rows])
    stored.update(is_out=is_out, version=F("version") + 1, changed_at=timezone.now())
    for row in rows:
        row.is_out = is_out
        row.version += 1


def open_accounts(group: DirectoryGroup, rows: Sequence[DirectoryUser], by: Actor) -> dict[UUID, Exception]:
    """Open the accounts, and then make them as the directory wants them; a wrong address keeps nobody out."""
    active = [row for row in rows if row.active]
    brake.forget(active)
    refused = try_all(active, lambda part: account_changes.open_accounts(part, by))
    store_refusals(refused)
    closed = [row for row, _error in refused]
    others = [row for row in rows if row not in closed and _differs(row)]
    with translation.override(group.connection.provider.email_language):
        store_refusals([found for row in others for found in try_all([row], lambda part: _apply(part, by))])
    return {row.pk: error for row, error in refused}


def _differs(row: DirectoryUser) -> bool:
    return find_step(row) is not None or (row.user is not None and has_other_object_id(row, row.user))


@transaction.atomic
def _apply(rows: Sequence[DirectoryUser], by: Actor) -> None:
    for row in rows:
        apply_if_admitted(row, "", by)
