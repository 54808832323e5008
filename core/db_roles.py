"""The two database roles: the owner of the tables, and the application, which cannot change audit events."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

_ALL_PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE"
# Privileges of the application on the audit tables; on all other tables it has every privilege.
_AUDIT_PRIVILEGES = {
    "audit_event": "SELECT, INSERT",
    "audit_chainlink": "SELECT, INSERT",
    "audit_checkpoint": "SELECT, INSERT",
    "audit_pendingevent": "SELECT",
}


@contextmanager
def use_owner_role() -> Iterator[None]:
    """Connect as the owner within the block, in a single-threaded command.

    Raises ImproperlyConfigured when LOKET_OWNER_DATABASE_URL is not set.
    """
    before = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    switch_role(get_owner_role())
    try:
        yield
    finally:
        switch_role(before)


def get_owner_role() -> Mapping[str, str]:
    """Return the credentials of the owner. Raises ImproperlyConfigured when they are not set, or for a pooler."""
    require_own_connection()
    role = settings.LOKET_DATABASE_ROLES["owner"]
    if role is None:
        raise ImproperlyConfigured(
            "Set LOKET_OWNER_DATABASE_URL to log in as the owner of the tables: see docs/operating.md."
        )
    return cast(Mapping[str, str], role)


def require_own_connection() -> None:
    """Raise ImproperlyConfigured when a pooler lends a connection for one transaction, as only web servers can use."""
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        raise ImproperlyConfigured(
            "LOKET_TRANSACTION_POOLING is for web servers only: unset it here, and let DATABASE_URL and"
            " LOKET_OWNER_DATABASE_URL name PostgreSQL itself. See docs/how-to/deploy.md."
        )


def get_application_role() -> Mapping[str, str]:
    return cast(Mapping[str, str], settings.LOKET_DATABASE_ROLES["application"])


def get_application_privileges(table: str) -> str:
    """Return the privileges that the application has on a table."""
    return _AUDIT_PRIVILEGES.get(table, _ALL_PRIVILEGES)


def switch_role(role: Mapping[str, str]) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict.update(role)


@transaction.atomic
def grant_privileges() -> None:
    """Grant the application access to the existing tables. Run this as the owner."""
    role = connection.ops.quote_name(get_application_role()["USER"])
    tables = set(connection.introspection.table_names())
    execute_statements(
        [
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
            f"GRANT {_ALL_PRIVILEGES} ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            *(f"REVOKE ALL ON {table} FROM {role}" for table in _AUDIT_PRIVILEGES if table in tables),
            *(f"GRANT {rights} ON {table} TO {role}" for table, rights in _AUDIT_PRIVILEGES.items() if table in tables),
        ]
    )


def execute_statements(statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
