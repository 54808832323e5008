"""The two roles of the database: the owner has the tables, the application uses them and cannot change the history."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

# What the application may do with the tables of the history; with every other table it may do everything.
_HISTORY = {
    "audit_event": "SELECT, INSERT",
    "audit_link": "SELECT, INSERT",
    "audit_checkpoint": "SELECT, INSERT",
    "audit_waiting": "SELECT",
}


@contextmanager
def as_owner() -> Iterator[None]:
    """Be the owner for a while, in a command that does nothing else meanwhile.

    Raises ImproperlyConfigured when LOKET_OWNER_DATABASE_URL does not say who that is.
    """
    before = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    become(owner())
    try:
        yield
    finally:
        become(before)


def owner() -> Mapping[str, str]:
    """Return how the owner connects. Raises ImproperlyConfigured when nothing says so."""
    found = settings.LOKET_DATABASE_ROLES["owner"]
    if found is None:
        raise ImproperlyConfigured(
            "LOKET_OWNER_DATABASE_URL names the role that owns the tables: see docs/operating.md."
        )
    return cast(Mapping[str, str], found)


def application() -> Mapping[str, str]:
    """Return how the application connects."""
    return cast(Mapping[str, str], settings.LOKET_DATABASE_ROLES["application"])


def become(role: Mapping[str, str]) -> None:
    """Connect as `role` from now on."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict.update(role)


@transaction.atomic
def grant() -> None:
    """Let the application use the tables that are there; called by their owner."""
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
    """Execute `statements` one after the other."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
