"""For migrations: triggers of the database that refuse every change of what was written down."""

from django.db import migrations

# Old events leave with their links only, as the owner, in the transaction that says so: see `audit.retention`. The
# owner could switch the triggers off anyhow; nobody else gets past them, whatever he sets.
REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME IN ('audit_event', 'audit_link')
        AND current_setting('loket.removes_history', true) = 'yes'
        AND current_user::regrole = (SELECT relowner FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history cannot be changed' USING ERRCODE = 'restrict_violation';
END $$
"""


def append_only(table: str) -> migrations.RunSQL:
    """Return the operation by which rows of `table` can be added and nothing else."""
    return migrations.RunSQL(
        [
            f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        ],
        [f"DROP TRIGGER {table}_not_emptied ON {table}", f"DROP TRIGGER {table}_stays ON {table}"],
    )
