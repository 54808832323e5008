"""An office moves to another database by logical replication, filtered by `provider_id` (`make test-cluster`)."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from core.embedded_postgres import server
from tests.cluster.nodes import eventually
from tests.loket.test_restore import Installation
from tests.monitoring.test_key_rotation import new_key

pytestmark = pytest.mark.slow

SET_UP = """
import audit.chain, users.actions
from accounts.models import Provider, User
from bench.office_data import create_office
from tests.helpers.users import actor, make_user
create_office(300)
office = Provider.objects.get(name="Groot")
administrator, *others = User.objects.filter(provider=office, blocked_at=None).exclude(accepted_at=None).order_by("pk")
for user in others[:40]:
    users.actions.block_user(user, by=actor(administrator))
stays = Provider.objects.create(name="Klein")
for number in range(30):
    make_user(stays, username=f"klein{number}", email=f"klein{number}@klein.example")
audit.chain.append_all_pending()
print(office.pk)
"""
AFTERWARDS = """
from audit import chain
from audit.models import Event
from django.test import Client
assert chain.verify_stored_chains({}) == Event.objects.count() > 0
assert {event.is_readable for event in Event.objects.all()} == {True}
client = Client(headers={"Host": "localhost"})
assert client.post("/inloggen/", {"username": "user61", "password": "Zonnebloem-42"}).status_code == 302
assert client.get("/").status_code == 200
print(Event.objects.count())
"""
_OFFICE_TABLES_SQL = """
SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attname = 'provider_id' ORDER BY relname
"""
_FOREIGN_KEYS_SQL = """
SELECT conrelid::regclass::text, confrelid::regclass::text, array_agg(own.attname::text), array_agg(its.attname::text)
FROM pg_constraint, unnest(conkey, confkey) AS pair (one, other)
JOIN pg_attribute own ON own.attnum = one JOIN pg_attribute its ON its.attnum = other
WHERE contype = 'f' AND own.attrelid = conrelid AND its.attrelid = confrelid GROUP BY pg_constraint.oid
"""


class Database:
    """An installation whose database can be replicated by row."""

    def __init__(self, folder: Path, keys: dict[str, str]) -> None:
        self.installation = Installation(folder, keys)
        server.start_server(self.installation.data)
        self.ask("ALTER SYSTEM SET wal_level = logical", database="postgres")
        server.stop_server(self.installation.data)
        server.start_server(self.installation.data)
        self.installation.python("migrate", "-v0")

    def ask(self, query: Any, *, database: str = "loket") -> list[tuple[Any, ...]]:
        """Return the rows of a query as superuser."""
        where = {"host": self.installation.socket, "user": "postgres", "dbname": database}
        with psycopg.connect(**where, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str, office: str) -> int:
        """Return the number of rows of an office."""
        query = sql.SQL("SELECT count(*) FROM {} WHERE provider_id = {}").format(sql.Identifier(table), office)
        (row,) = self.ask(query)
        return int(row[0])

    def list_orphans(self) -> list[str]:
        """Return the tables with rows that refer to nothing: replication checks no foreign keys."""
        orphans = []
        for table, other, own, its in self.ask(_FOREIGN_KEYS_SQL):
            same = sql.SQL(" AND ").join(
                sql.SQL("o.{} = t.{}").format(sql.Identifier(there), sql.Identifier(here))
                for here, there in zip(own, its, strict=True)
            )
            given = sql.SQL(" AND ").join(sql.SQL("t.{} IS NOT NULL").format(sql.Identifier(here)) for here in own)
            query = sql.SQL("SELECT 1 FROM {} t WHERE {} AND NOT EXISTS (SELECT FROM {} o WHERE {}) LIMIT 1")
            if self.ask(query.format(sql.SQL(table), given, sql.SQL(other), same)):
                orphans.append(table)
        return orphans


@pytest.fixture
def databases() -> Iterator[tuple[Database, Database]]:
    """Two installations with the same keys."""
    keys = {"LOKET_SECRET_KEY": "s" * 50, "LOKET_SEALING_KEYS": new_key(), "LOKET_CHECKPOINT_KEY": new_key()}
    folders = [Path(tempfile.mkdtemp(prefix="loket-moving-")) for _number in range(2)]
    try:
        one, other = (Database(folder, keys) for folder in folders)
        yield one, other
    finally:
        for folder in folders:
            server.stop_server(folder / "postgresql")
            shutil.rmtree(folder)


def publish_office(source: Database, tables: list[str], office: str) -> None:
    """Publish the rows of one office. Until it has moved, the log holds whole rows: the filter is no part of a key."""
    for table in tables:
        source.ask(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(sql.Identifier(table)))
    parts = [sql.SQL("accounts_provider WHERE (id = {})").format(office)] + [
        sql.SQL("{} WHERE (provider_id = {})").format(sql.Identifier(table), office) for table in tables
    ]
    source.ask(sql.SQL("CREATE PUBLICATION office FOR TABLE {}").format(sql.SQL(", ").join(parts)))


def copy_history_keys(source: Database, target: Database, office: str) -> int:
    """Copy the keys that encrypt the history: their table has no `provider_id`."""
    query = "SELECT id, user_id, encrypted_key FROM audit_userencryptionkey WHERE user_id IN (SELECT id FROM {})"
    users = sql.SQL("accounts_user WHERE provider_id = {}").format(office)
    rows = source.ask(sql.SQL(query).format(users))
    for row in rows:
        values = sql.SQL(", ").join(map(sql.Literal, row))
        target.ask(
            sql.SQL("INSERT INTO audit_userencryptionkey (id, user_id, encrypted_key) VALUES ({})").format(values)
        )
    return len(rows)


def test_an_office_moves_to_another_database(databases: tuple[Database, Database]) -> None:
    source, target = databases
    office = source.installation.python("shell", "-v0", "-c", SET_UP).split()[-1]
    tables = [name for (name,) in source.ask(_OFFICE_TABLES_SQL)]
    publish_office(source, tables, office)
    started = time.monotonic()
    where = f"host={source.installation.socket} user=postgres dbname=loket"
    target.ask(sql.SQL("CREATE SUBSCRIPTION office CONNECTION {} PUBLICATION office").format(where))
    states = "SELECT DISTINCT srsubstate::text FROM pg_subscription_rel"
    eventually(lambda: target.ask(states) == [("r",)], 180, "not every table was copied")
    copied = time.monotonic() - started
    change = "UPDATE accounts_user SET place_of_employment = 'Verhuisd' WHERE username_key = 'user0'"
    source.ask(change)
    moved = "SELECT place_of_employment FROM accounts_user WHERE username_key = 'user0'"
    eventually(lambda: target.ask(moved) == [("Verhuisd",)], 10, "a later change does not follow")
    keys = copy_history_keys(source, target, office)
    counts = {table: (source.count(table, office), target.count(table, office)) for table in tables}
    assert {table for table, (before, after) in counts.items() if before != after} == set()
    assert target.ask("SELECT count(*) FROM accounts_user") == [(300,)], "and nobody else's"
    assert target.list_orphans() == []
    events = target.installation.python("shell", "-v0", "-c", AFTERWARDS).split()[-1]
    rows = sum(after for _before, after in counts.values())
    print(f"\n{len(tables)} tables, {rows} rows in {copied:.1f} s, {keys} keys by hand, {events} events verified")  # noqa: T201
