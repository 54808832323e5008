"""For migrations: foreign keys that hold a row and what it points at in one office (rule 1)."""

from django.db import migrations


def support_alone(table: str) -> migrations.RunSQL:
    """Return the operation by which a row of `table` is without an office if and only if its user is of support.

    The key of `same_office` says nothing of a row without an office. Checked at commit as well.
    """
    name = f"{table}_support_alone"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD COLUMN of_support boolean GENERATED ALWAYS AS (provider_id IS NULL) STORED,"
        f" ADD CONSTRAINT {name} FOREIGN KEY (user_id, of_support)"
        " REFERENCES accounts_user (id, is_support) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}, DROP COLUMN of_support",
    )


def same_office(table: str, column: str, parent: str) -> migrations.RunSQL:
    """Return the operation by which `column` of `table` may only name a row of `parent` with the same provider_id.

    `parent` needs a unique constraint on (id, provider_id). Checked at commit, beside Django's own key.
    """
    name = f"{table}_{column}_same_office"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}, provider_id)"
        f" REFERENCES {parent} (id, provider_id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )
