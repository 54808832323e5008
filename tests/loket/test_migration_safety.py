"""Migrations run while users work: after the first release, none may block them or break the previous release.

The rule and its reasons are in docs/operating.md, *Upgrade*.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from core.composite_keys import SameOfficeForeignKey

OURS = (
    "accounts",
    "audit",
    "authentication",
    "core",
    "imports",
    "invitations",
    "notifications",
    "oauth",
    "outbox",
    "permissions",
    "scim",
    "senders",
    "support",
)
# The newest migration of each app in the first release; earlier ones ran on empty tables.
BASELINE = {
    "accounts": "0001", "audit": "0001", "authentication": "0001", "core": "0001", "imports": "0001",
    "invitations": "0001", "notifications": "0001", "oauth": "0001", "outbox": "0001", "permissions": "0001",
    "scim": "0001", "senders": "0001", "support": "0001",
}  # fmt: skip
SAFE = "-- safe: "  # in the SQL of a RunSQL, with the reason why it does not block users


def younger() -> Iterator[migrations.Migration]:
    """Yield the migrations after the baseline."""
    for (app, name), migration in sorted((MigrationLoader(None).disk_migrations or {}).items()):
        if app in OURS and name[:4] > BASELINE.get(app, "0000"):
            yield migration


def made_here(migration: Any) -> set[str]:
    return {
        operation.name.lower() for operation in migration.operations if isinstance(operation, migrations.CreateModel)
    }


def faults(migration: Any) -> list[str]:
    """Return what in a migration blocks users or breaks the previous release."""
    fresh, found = made_here(migration), []
    for operation in migration.operations:
        if getattr(operation, "model_name", "").lower() in fresh or getattr(operation, "name", "").lower() in fresh:
            continue  # a new table has no users yet
        found += [f"{migration.app_label}.{migration.name}: {fault}" for fault in faults_of(operation)]
    if concurrent(migration) and migration.atomic:
        found.append(f"{migration.app_label}.{migration.name}: CONCURRENTLY needs atomic = False")
    return found


def concurrent(migration: Any) -> bool:
    return any(isinstance(one, AddIndexConcurrently | RemoveIndexConcurrently) for one in migration.operations)


def faults_of(operation: Operation) -> Iterator[str]:
    """Yield what is wrong with one operation on a table in use."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from faults_of(inner)
    elif isinstance(operation, AddIndexConcurrently | RemoveIndexConcurrently):
        return
    elif isinstance(operation, migrations.AddIndex):
        yield "an index is made with AddIndexConcurrently: AddIndex stops every writer"
    elif isinstance(operation, migrations.RemoveIndex):
        yield "an index goes with RemoveIndexConcurrently: RemoveIndex waits for everybody and stops them"
    elif isinstance(operation, migrations.AddConstraint):
        yield "a constraint is added NOT VALID by RunSQL and validated in a later migration: AddConstraint reads it all"
    elif isinstance(operation, migrations.AddField):
        yield from faults_of_field(operation.field)
    elif isinstance(operation, migrations.AlterField):
        yield "AlterField may write the table anew: RunSQL that says why it does not"
    elif isinstance(operation, migrations.RenameField | migrations.RenameModel | migrations.AlterModelTable):
        yield "the release before this one knows the old name: add, copy, and remove a release later"
    elif isinstance(operation, migrations.RemoveField | migrations.DeleteModel):
        yield "the release before this one still uses it: SeparateDatabaseAndState now, drop it a release later"
    elif isinstance(operation, migrations.RunSQL):
        yield from faults_of_sql(str(operation.sql))


def faults_of_field(field: Any) -> Iterator[str]:
    """Yield what is wrong with a new column."""
    if not field.null and not field.has_db_default() and not field.many_to_many:
        yield "a column that the release before this one leaves empty needs null=True or a db_default"
    if field.unique or field.db_index:
        yield "a new column gets its index afterwards, by AddIndexConcurrently"


def faults_of_sql(sql: str) -> Iterator[str]:
    """Yield what is wrong with hand-written SQL that does not say why it is safe."""
    words = sql.upper()
    if SAFE.upper() in words:
        return
    if "ALTER TABLE" in words and "NOT VALID" not in words and "VALIDATE CONSTRAINT" not in words:
        yield f"ALTER TABLE by RunSQL says “{SAFE}…” with its reason"
    if "CREATE" in words and "INDEX" in words and "CONCURRENTLY" not in words:
        yield "an index is made CONCURRENTLY"
    if any(word in words for word in ("UPDATE ", "DELETE ", "LOCK TABLE", "DROP TABLE", "TRUNCATE")):
        yield f"a change of many rows says “{SAFE}…” with its reason, and goes in batches"


def test_no_migration_holds_people_up_or_breaks_the_release_before() -> None:
    assert [fault for migration in younger() for fault in faults(migration)] == []


def test_every_app_has_a_baseline() -> None:
    assert {app for app, _name in MigrationLoader(None).disk_migrations or {} if app in OURS} <= set(BASELINE)


def test_no_baseline_is_ahead_of_the_migrations() -> None:
    there = {(app, name[:4]) for app, name in MigrationLoader(None).disk_migrations or {}}
    assert set(BASELINE.items()) <= there


def test_the_ones_after_the_baseline_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BASELINE, "oauth", "0000")
    assert [(one.app_label, one.name[:4]) for one in younger()][:1] == [("oauth", "0001")]


def migration(*operations: Operation, atomic: bool = True) -> Any:
    made = migrations.Migration("0099_made_up", "outbox")
    made.operations, made.atomic = list(operations), atomic
    return made


INDEX = models.Index(fields=["kind"], name="message_kind")
CHECK = models.CheckConstraint(condition=models.Q(attempts__gte=0), name="message_attempts")
NOTHING = migrations.RunSQL.noop


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex("message", INDEX),
        migrations.RemoveIndex("message", "message_due"),
        migrations.AddConstraint("message", CHECK),
        migrations.AddConstraint("message", SameOfficeForeignKey("user", name="message_user_same_office")),
        migrations.AddField("message", "note", models.TextField()),
        migrations.AddField("message", "note", models.TextField(default="")),
        migrations.AddField("message", "note", models.CharField(max_length=9, null=True, db_index=True)),
        migrations.AddField("message", "note", models.CharField(max_length=9, null=True, unique=True)),
        migrations.AlterField("message", "kind", models.TextField()),
        migrations.RenameField("message", "kind", "sort"),
        migrations.RenameModel("Message", "Letter"),
        migrations.RemoveField("message", "kind"),
        migrations.DeleteModel("Message"),
        migrations.RunSQL("ALTER TABLE outbox_message ALTER kind SET NOT NULL", NOTHING),
        migrations.RunSQL("CREATE INDEX message_kind ON outbox_message (kind)", NOTHING),
        migrations.RunSQL("UPDATE outbox_message SET kind = 'x'", NOTHING),
        migrations.SeparateDatabaseAndState([migrations.AddIndex("message", INDEX)]),
        AddIndexConcurrently("message", INDEX),  # in a transaction
    ],
)
def test_unsafe_migration_is_found(operation: Operation) -> None:
    assert len(faults(migration(operation))) == 1


@pytest.mark.parametrize(
    "made",
    [
        migration(AddIndexConcurrently("message", INDEX), atomic=False),
        migration(migrations.AddField("message", "note", models.TextField(null=True))),
        migration(migrations.AddField("message", "note", models.TextField(default="", db_default=""))),
        migration(migrations.RunSQL("ALTER TABLE x ADD CONSTRAINT y CHECK (z > 0) NOT VALID", NOTHING)),
        migration(migrations.RunSQL("ALTER TABLE x VALIDATE CONSTRAINT y", NOTHING)),
        migration(
            migrations.SeparateDatabaseAndState(
                [
                    migrations.RunSQL(
                        "ALTER TABLE x ADD CONSTRAINT y FOREIGN KEY (z) REFERENCES x (z) NOT VALID", NOTHING
                    )
                ],
                [migrations.AddConstraint("message", SameOfficeForeignKey("user", name="y"))],
            )
        ),
        migration(migrations.RunSQL("-- safe: it has a row for each office\nALTER TABLE x ALTER y TYPE text", NOTHING)),
        migration(migrations.SeparateDatabaseAndState([], [migrations.RemoveField("message", "kind")])),
        migration(
            migrations.CreateModel("Pulse", [("id", models.AutoField(primary_key=True))]),
            migrations.AddField("message", "note", models.CharField(max_length=36, db_default="", default="")),
        ),
        migration(
            migrations.CreateModel("Letter", [("id", models.AutoField(primary_key=True))]),
            migrations.AddField("letter", "note", models.TextField(unique=True)),
            migrations.AddIndex("letter", models.Index(fields=["note"], name="letter_note")),
        ),
    ],
)
def test_safe_migration_passes(made: Any) -> None:
    assert faults(made) == []
