"""Database triggers for migrations that make tables append-only."""

from django.db import migrations

# Old events can be deleted only by the owner, in a transaction that sets the flag: see `history.retention`. The owner
# could disable the triggers anyway; no other role gets past them, whatever it sets.
REFUSE_FUNCTION_SQL = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME IN ('audit_event', 'audit_chainlink')
        AND current_setting('loket.removes_history', true) = 'yes'
        AND current_user::regrole = (SELECT relowner FROM pg_class WHERE oid = TG_RELID) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history cannot be changed' USING ERRCODE = 'restrict_violation';
END $$
"""


def append_only(table: str) -> migrations.RunSQL:
    """Return the migration operation that allows only inserts on `table`."""
    return migrations.RunSQL(
        [
            f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        ],
        [f"DROP TRIGGER {table}_not_emptied ON {table}", f"DROP TRIGGER {table}_stays ON {table}"],
    )
