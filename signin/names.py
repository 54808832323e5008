"""Lookup of a user by username, in plain SQL because every sign-in and every client-credentials token waits for it."""

from typing import Any

from django.db import connection, models

from accounts.models import Provider, User
from audit import persons


def _columns(model: type[models.Model]) -> list[str]:
    return [f"{model._meta.db_table}.{field.column}" for field in model._meta.concrete_fields]


def _attributes(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


_OWN = _attributes(User)
_NAMED = f"""
SELECT {", ".join(_columns(User) + _columns(Provider))}, {persons.BROUGHT.format(person="accounts_user.id")}
FROM accounts_user LEFT JOIN accounts_provider ON accounts_provider.id = accounts_user.provider_id
WHERE username_key = %s
"""  # noqa: S608


def named(username_key: str) -> User | None:
    """Return the user with this `username_key` in any office, with office and history key, or None."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, [username_key])
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        return None
    user = User.from_db(connection.alias, _OWN, row[: len(_OWN)])
    user.history_key = row[-1]
    if user.provider_id is not None:
        user.provider = Provider.from_db(connection.alias, _attributes(Provider), row[len(_OWN) : -1])
    return user
