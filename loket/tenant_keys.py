"""For migrations: foreign keys that hold a row and what it points at in one office (design section 4, rule 1)."""

from django.db import migrations


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
