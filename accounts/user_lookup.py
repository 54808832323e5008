"""Lookup of a user by username, in plain SQL because every sign-in and every client-credentials token waits for it."""

from typing import Any

from django.db import connection, models

from accounts.models import Provider, User
from accounts.validators import build_username_taken_error
from audit import encryption_keys
from core.keys import compute_username_key


def _list_columns(model: type[models.Model]) -> list[str]:
    return [f"{model._meta.db_table}.{field.column}" for field in model._meta.concrete_fields]


def _list_attributes(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


_USER_ATTRIBUTES = _list_attributes(User)
_COLUMNS = ", ".join(_list_columns(User) + _list_columns(Provider))
_USER_BY_KEY_SQL = f"""
SELECT {_COLUMNS}, {encryption_keys.KEY_SUBQUERY.format(user_id="accounts_user.id")}
FROM accounts_user LEFT JOIN accounts_provider ON accounts_provider.id = accounts_user.provider_id
WHERE username_key = %s
"""  # noqa: S608


def find_user_by_username_key(username_key: str) -> User | None:
    """Return the user with this `username_key` in any office, with office and history key, or None."""
    with connection.cursor() as cursor:
        cursor.execute(_USER_BY_KEY_SQL, [username_key])
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        return None
    user = User.from_db(connection.alias, _USER_ATTRIBUTES, row[: len(_USER_ATTRIBUTES)])
    user.history_key = row[-1]
    if user.provider_id is not None:
        user.provider = Provider.from_db(connection.alias, _list_attributes(Provider), row[len(_USER_ATTRIBUTES) : -1])
    return user


def require_free_username(username: str, *, user: User | None = None) -> None:
    holder = User.objects.filter(username_key=compute_username_key(username)).first()
    if holder is not None and holder != user:
        raise build_username_taken_error()
