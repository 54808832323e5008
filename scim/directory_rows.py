"""What a directory says of users, as rows: which exist for it, and which it may have."""

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection as db_connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import LoginMethod, User
from core.errors import EditConflict
from core.keys import compute_email_key, compute_username_key
from core.text import validate_no_control_characters
from scim.account_changes import parse_uuid
from scim.models import MAX_ID_LENGTH, DirectoryConnection, DirectoryUser
from scim.names import build_attributes


class DirectoryRecord(NamedTuple):
    """A user as the directory sends it. `mobile_number` is E.164 or "", and is not stored."""

    user_name: str
    external_id: str | None
    attributes: Mapping[str, Any]  # see `DirectoryUser.attributes`
    mobile_number: str = ""


def list_other_users(connection: DirectoryConnection) -> QuerySet[User]:
    """Return the users whom no directory manages yet and this one may take on.

    SSO/Webservice users, and Azure users of another tenant, do not exist for it. A shadow keeps nobody from a
    connection that is live.
    """
    rows = User.objects.filter(
        Q(login_method=LoginMethod.WEBSITE_SSO) | Q(login_method=LoginMethod.AZURE_AD),
        provider=connection.provider_id,
    )
    if connection.tenant_id is not None:
        rows = rows.filter(Q(external_tenant=None) | Q(external_tenant=connection.tenant_id))
    managed = DirectoryUser.objects.filter(provider=connection.provider_id, user=OuterRef("pk"))
    if not connection.is_shadow:
        managed = managed.filter(Q(connection=connection) | Q(connection__went_live_at__isnull=False))
    return rows.filter(~Exists(managed))


def list_directory_users(connection: DirectoryConnection) -> QuerySet[DirectoryUser]:
    rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection, ended_at=None)
    return rows.select_related("user")


def find_page(
    rows: QuerySet[DirectoryUser], others: QuerySet[User], start: int, count: int | None
) -> tuple[int, list[UUID]]:
    """Return how many users both are, and the ids of at most `count` of them from `start` on, oldest first.

    One query, which looks for the others once: that reads every user of the office. One more beyond the end.
    """
    own_sql, own_values = rows.order_by().values_list("pk").query.sql_with_params()
    others_sql, other_values = others.order_by().values_list("pk").query.sql_with_params()
    statement = f"""
WITH others (id) AS MATERIALIZED ({others_sql})
SELECT id, (SELECT count(*) FROM others) + (SELECT count(*) FROM ({own_sql}) AS own)
FROM ({own_sql} UNION ALL SELECT id FROM others) AS users (id) ORDER BY id LIMIT %s OFFSET %s
"""  # noqa: S608
    limits = [None if count is None else min(count, sys.maxsize), min(start, sys.maxsize)]  # PostgreSQL has no more
    with db_connection.cursor() as cursor:
        cursor.execute(statement, [*other_values, *own_values, *own_values, *limits])
        found = cursor.fetchall()
    total = found[0][1] if found else rows.count() + others.count()
    return total, [pk for pk, _total in found]


def find_resource(connection: DirectoryConnection, pk: UUID) -> DirectoryUser | User | None:
    """Return what the directory calls a user: its own, or one whom it may take on."""
    return list_directory_users(connection).filter(pk=pk).first() or list_other_users(connection).filter(pk=pk).first()


def find_by_address(connection: DirectoryConnection, address: str) -> DirectoryUser | User | None:
    """Return the only website user with this address whose name is not known to the directory. At most two queries.

    A user of the directory is one if they were taken on without a userName, and still have the username of the office.
    """
    if connection.creates_azure_users:
        return None
    key = compute_email_key(address)
    rows = list_directory_users(connection).filter(user__email_key=key, user__login_method=LoginMethod.WEBSITE_SSO)
    own = rows.filter(user_name_key=F("user__username_key"))
    found: list[DirectoryUser | User] = [*own[:2], *_list_website_users(connection).filter(email_key=key)[:2]]
    return found[0] if len(found) == 1 else None


def require_no_website_user(connection: DirectoryConnection, addresses: Collection[str]) -> None:
    """Raise ValidationError ("taken") if the only website user with an address is to be taken on instead. One query.

    A second account of theirs would be blocked when they leave, and the first one not.
    """
    if connection.creates_azure_users or not addresses:
        return
    keys = [compute_email_key(address) for address in addresses]
    found = list(_list_website_users(connection).filter(email_key__in=keys).values_list("email_key", flat=True))
    if any(found.count(key) == 1 for key in found):
        text = _(
            "A website user with this address exists. Let the directory find that user by userName, with the address or"
            " the username in Loket, or change their address in Loket."
        )
        raise ValidationError(text, code="taken")


def _list_website_users(connection: DirectoryConnection) -> QuerySet[User]:
    return list_other_users(connection).filter(login_method=LoginMethod.WEBSITE_SSO)


def find_row(connection: DirectoryConnection, pk: UUID) -> DirectoryUser:
    """Return what the directory will say of a user; one whom it takes on is not stored yet. Raises EditConflict."""
    found = find_resource(connection, pk)
    if found is None:
        raise EditConflict
    if isinstance(found, User):
        _take_from_shadows(connection, [pk])
        return _build_row(connection, found)
    found.connection = connection
    return found


def take_on(connection: DirectoryConnection, pks: Collection[UUID]) -> list[DirectoryUser]:
    """Return what the directory says of users, with rows of their own from now on. At most five queries.

    Raises EditConflict if one of them does not exist for it, ValidationError ("taken").
    """
    rows = list(list_directory_users(connection).filter(pk__in=pks))
    if missing := set(pks) - {row.pk for row in rows}:
        others = [_build_row(connection, user) for user in list_other_users(connection).filter(pk__in=missing)]
        if len(others) < len(missing):
            raise EditConflict
        require_unique(connection, others)
        _take_from_shadows(connection, missing)
        rows += DirectoryUser.objects.bulk_create(others, batch_size=1000)
    return sorted(rows, key=lambda row: row.pk)


def _take_from_shadows(connection: DirectoryConnection, pks: Collection[UUID]) -> None:
    if not connection.is_shadow:
        rows = DirectoryUser.objects.filter(provider=connection.provider_id, user__in=pks)
        rows.filter(connection__went_live_at=None).exclude(connection=connection).delete()


def _build_row(connection: DirectoryConnection, user: User) -> DirectoryUser:
    return DirectoryUser(
        id=user.pk,
        provider_id=connection.provider_id,
        connection=connection,
        user=user,
        user_name=user.username or user.email,
        attributes=build_attributes(user) | {"active": user.blocked_at is None},  # an end date is of the office
    )


def find_former_user(connection: DirectoryConnection, record: DirectoryRecord) -> DirectoryUser | None:
    """Return the user whom the directory deleted and now creates again: by external id; by name if neither has one.

    The external id may also be the object ID that an administrator gave the user since.
    """
    rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection, ended_at__isnull=False)
    rows = rows.order_by("-ended_at")
    if record.external_id:
        same = Q(external_id=record.external_id)
        if (object_id := parse_uuid(record.external_id)) is not None and connection.tenant_id is not None:
            same |= Q(user__external_user_id=object_id, user__external_tenant=connection.tenant_id)
        return rows.filter(same).first()
    key = compute_username_key(record.user_name)[:MAX_ID_LENGTH]
    return rows.filter(user_name_key=key, external_id=None).first()


def validate_record(record: DirectoryRecord) -> None:
    """Raise ValidationError for what cannot be stored."""
    for text in _iter_texts([record.user_name, record.external_id or "", record.attributes]):
        validate_no_control_characters(text)
        if len(text) > MAX_ID_LENGTH:
            raise ValidationError(_("Use at most 255 characters."), code="length")
    if not record.user_name.strip():
        raise ValidationError(_("The userName is empty."), code="length")


def _iter_texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in _iter_texts(part)]
    return [value] if isinstance(value, str) else []


def require_unique(connection: DirectoryConnection, rows: Sequence[DirectoryUser]) -> None:
    """Raise ValidationError if two users that the directory can see would have one userName or id.

    Two queries; a third if the office has such a user, whom the directory may not see.
    """
    pks = [row.pk for row in rows]
    keys = [compute_username_key(row.user_name) for row in rows]
    external_ids = [row.external_id for row in rows if row.external_id]
    own = list_directory_users(connection).exclude(pk__in=pks)
    same = Q(user_name_key__in=[key[:MAX_ID_LENGTH] for key in keys]) | Q(external_id__in=external_ids)
    emails = [compute_email_key(row.user_name) for row in rows]
    held = Q(username_key__in=keys) | Q(username=None, email_key__in=emails)
    if connection.tenant_id is not None:
        held |= Q(external_user_id__in=filter(None, map(parse_uuid, external_ids)))
    holders = User.objects.filter(held, provider=connection.provider_id).exclude(pk__in=pks)
    holding = list(holders.values_list("pk", flat=True))
    is_seen = bool(holding) and list_other_users(connection).filter(pk__in=holding).exists()
    if len(set(keys)) < len(keys) or own.filter(same).exists() or is_seen:
        raise ValidationError(_("A user with this userName or externalId already exists."), code="taken")
