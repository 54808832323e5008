"""The two database roles: the owner of the tables, and the application, which cannot change audit events."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

# Privileges of the application on the audit tables; on all other tables it has every privilege.
_HISTORY = {
    "audit_event": "SELECT, INSERT",
    "audit_link": "SELECT, INSERT",
    "audit_checkpoint": "SELECT, INSERT",
    "audit_waiting": "SELECT",
}


@contextmanager
def as_owner() -> Iterator[None]:
    """Connect as the owner within the block, in a single-threaded command.

    Raises ImproperlyConfigured when LOKET_OWNER_DATABASE_URL is not set.
    """
    before = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    become(owner())
    try:
        yield
    finally:
        become(before)


def owner() -> Mapping[str, str]:
    """Return the credentials of the owner. Raises ImproperlyConfigured when they are not set."""
    found = settings.LOKET_DATABASE_ROLES["owner"]
    if found is None:
        raise ImproperlyConfigured(
            "LOKET_OWNER_DATABASE_URL names the role that owns the tables: see docs/operating.md."
        )
    return cast(Mapping[str, str], found)


def application() -> Mapping[str, str]:
    return cast(Mapping[str, str], settings.LOKET_DATABASE_ROLES["application"])


def become(role: Mapping[str, str]) -> None:
    """Reconnect as `role`."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict.update(role)


@transaction.atomic
def grant() -> None:
    """Grant the application access to the existing tables. Run this as the owner."""
    role = connection.ops.quote_name(application()["USER"])
    tables = set(connection.introspection.table_names())
    run(
        [
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            *(f"REVOKE ALL ON {table} FROM {role}" for table in _HISTORY if table in tables),
            *(f"GRANT {rights} ON {table} TO {role}" for table, rights in _HISTORY.items() if table in tables),
        ]
    )


def run(statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
